#include "tests/storm/world.h"

#include <algorithm>
#include <iterator>

namespace storm {
namespace {

constexpr std::int64_t kRunning = 1;
constexpr std::int64_t kSuspended = 2;
constexpr std::int64_t kCompleted = 3;
constexpr std::int64_t kResizing = 8192;

std::int64_t SumOf(const std::vector<Pause>& pauses) {
  std::int64_t sum = 0;
  for (const Pause& pause : pauses) {
    if (pause.end != 0) sum += pause.end - pause.start;
  }
  return sum;
}

std::int64_t Within(std::int64_t index, std::int64_t size) { return ((index % size) + size) % size; }

}  // namespace

Row* World::Find(std::int64_t job) {
  const auto found = rows_.find(job);
  return found == rows_.end() || !found->second.exists ? nullptr : &found->second;
}

// A pause is over when its job is.
void World::End(Row& row, std::int64_t at, std::int64_t state) {
  row.end = std::max({at, row.start, row.submit});
  const bool paused = row.state == kSuspended;
  if (row.detached()) {
    const std::int64_t sum = paused ? row.end - row.suspended : row.suspended;
    row.suspended = std::clamp<std::int64_t>(sum, 0, row.end - row.start);
  } else if (!row.pauses.empty()) {
    for (Pause& pause : row.pauses) {
      if (pause.end == 0 || pause.end > row.end) pause.end = row.end;
      pause.start = std::min(pause.start, pause.end);
    }
    row.suspended = SumOf(row.pauses);
  }
  row.state = state;
}

void World::Apply(const Step& step) {
  const auto& a = step.arguments;
  const std::int64_t now = kBase + step.at;
  const auto instant = [&](std::size_t i) { return kBase + a.at(i); };
  if (step.verb == Verb::kRollup) {
    for (int c = 0; c < settings_.clusters; ++c) last_ran_[c] = std::max(last_ran_[c], now - now % 3600);
    return;
  }
  if (step.verb == Verb::kReroll) {
    for (int c = 0; c < settings_.clusters; ++c) {
      if (last_ran_[c] != 0) last_ran_[c] = std::min(last_ran_[c], instant(0));
    }
    return;
  }
  if (step.verb >= Verb::kPoll) return;

  const std::int64_t job = a.at(0);
  if (step.verb == Verb::kSubmit || step.verb == Verb::kRecord) {
    if (!Free(job)) return;
    Row row;
    row.cluster = static_cast<int>(Within(a.at(1), settings_.clusters));
    row.charge = Within(a.at(2), std::ssize(kCharges));
    row.id_job = job;
    row.db_inx = NewKey();
    if (step.verb == Verb::kSubmit) {
      row.submit = now;
      row.tasks = a.at(3);
    } else {
      row.submit = instant(3);
      row.start = std::max(instant(4), row.submit);
      row.end = std::max(instant(5), row.start);
      row.state = a.at(6);
      row.tres = a.at(7) < 0 ? -1 : Within(a.at(7), std::ssize(kTres));
      // The controller made the key when the job was submitted.
      if (a.at(8) != 0) row.db_inx -= 1024 * std::min<std::uint64_t>(keys_ - 1, 8) + 1 + keys_ % 1000;
    }
    rows_[job] = row;
    changed_at_[job] = now;
    return;
  }

  Row* row = Find(job);
  if (row == nullptr) return;
  const Row before = *row;
  const bool open = row->end == 0;
  const bool pending = open && row->state == 0;
  const bool running = open && row->state == kRunning;
  switch (step.verb) {
    case Verb::kStart:
      if (!pending || row->tasks > 0) return;
      row->start = std::max(instant(1), row->submit);
      row->state = kRunning;
      row->tres = Within(a.at(2), std::ssize(kTres));
      break;
    case Verb::kTask: {
      if (!pending || row->tasks == 0 || !Free(a.at(1))) return;
      if (row->tasks > 1) {
        --row->tasks;
        Row task = *row;
        task.id_job = a.at(1);
        task.db_inx = NewKey();
        task.tasks = 0;
        changed_at_[job] = now;
        changed_at_[a.at(1)] = now;
        row = &(rows_[a.at(1)] = task);
      } else {
        row->tasks = 0;
        changed_at_[job] = now;
      }
      row->start = std::max(instant(2), row->submit);
      row->state = kRunning;
      row->tres = Within(a.at(3), std::ssize(kTres));
      return;
    }
    case Verb::kEnd:
      if (!open) return;
      End(*row, instant(1), pending ? 4 : a.at(2));
      break;
    case Verb::kSuspend: {
      if (!running || row->detached()) return;
      std::int64_t at = std::max(instant(1), row->start);
      if (!row->pauses.empty()) at = std::max(at, row->pauses.back().end + 1);
      row->suspended = at - row->suspended;
      row->pauses.push_back({row->db_inx, at, 0});
      row->state = kSuspended;
      break;
    }
    case Verb::kResume:
      if (!open || row->state != kSuspended) return;
      if (row->detached()) {
        row->suspended = std::max<std::int64_t>(0, instant(1) - row->suspended);
      } else {
        row->pauses.back().end = std::max(instant(1), row->pauses.back().start);
        row->suspended = SumOf(row->pauses);
      }
      row->state = kRunning;
      break;
    case Verb::kRequeue:
    case Verb::kResize: {
      if (!running || !Free(a.at(1))) return;
      const bool resize = step.verb == Verb::kResize;
      End(*row, instant(2), resize ? kResizing : a.at(3));
      Row next;
      next.cluster = row->cluster;
      next.charge = row->charge;
      next.id_job = row->id_job;
      next.db_inx = NewKey();
      next.submit = std::max(row->end, row->submit + 1);
      if (resize) {
        next.start = next.submit;
        next.state = kRunning;
        next.tres = Within(a.at(3), std::ssize(kTres));
      }
      changed_at_[job] = now;
      rows_[a.at(1)] = next;
      changed_at_[a.at(1)] = now;
      return;
    }
    case Verb::kCorrect:
      if (open) return;
      row->end = std::max({instant(1), row->start + row->suspended, row->submit});
      if (!row->pauses.empty()) row->end = std::max(row->end, row->pauses.back().end);
      break;
    case Verb::kModify:
      if (row->tres < 0) return;
      row->tres = Within(a.at(1), std::ssize(kTres));
      break;
    case Verb::kLater:
      if (!running || !row->pauses.empty()) return;
      row->start = std::max(row->start, instant(1));
      break;
    case Verb::kMove:
      if (!open) return;
      row->charge = Within(a.at(1), std::ssize(kCharges));
      break;
    case Verb::kDelete:
      row->exists = false;
      break;
    case Verb::kRekey:
      row->db_inx = NewKey();
      break;
    case Verb::kRunaway:
      if (!open) return;
      End(*row, 0, kCompleted);
      for (int c = 0; c < settings_.clusters; ++c) {
        if (last_ran_[c] != 0) last_ran_[c] = std::min(last_ran_[c], row->submit - 86400);
      }
      break;
    default:
      return;
  }
  if (!(*row == before)) changed_at_[job] = now;
}

}  // namespace storm
