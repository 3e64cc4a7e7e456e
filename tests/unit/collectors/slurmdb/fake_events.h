// An event_table in memory.
#pragma once

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "collectors/slurmdb/error.h"
#include "collectors/slurmdb/event_book.h"

namespace slurmdb {

class FakeEvents : public EventSource {
 public:
  struct Stored {
    std::int64_t end = 0;
    std::uint64_t state = 0;
    std::string reason;
    std::string tres;
    std::string nodes;
    std::uint32_t uid = 0;
  };

  std::optional<std::int64_t> LastRegistration(std::int64_t until) override {
    std::optional<std::int64_t> last;
    for (const auto& [key, stored] : rows) {
      if (key.node.empty() && stored.state == 0 && key.start <= until) last = key.start;
    }
    return last;
  }
  void ReadSince(std::int64_t from, const Sink& sink) override {
    ReadWithin(from, std::numeric_limits<std::int64_t>::max(), sink);
  }
  void ReadWithin(std::int64_t from, std::int64_t to, const Sink& sink) {
    for (const auto& [key, stored] : rows) {
      if (key.start >= from && key.start < to) Tell(key, stored, sink);
    }
  }
  void ReadByKey(std::span<const EventKey> keys, const Sink& sink) override {
    if (fails) throw DatabaseError(Reason::kLost, "gone");
    for (const EventKey& key : keys) {
      const auto found = rows.find(key);
      if (found != rows.end()) Tell(key, found->second, sink);
    }
  }
  void ReadBefore(std::span<const std::string> nodes, std::int64_t before, const Sink& sink) override {
    asked_before.assign(nodes.begin(), nodes.end());
    for (const auto& [key, stored] : rows) {
      if (key.start < before && std::find(nodes.begin(), nodes.end(), key.node) != nodes.end())
        Tell(key, stored, sink);
    }
  }

  // As slurmdbd does: all that is open ends, and begins anew.
  void Register(std::int64_t at, const std::string& tres, const std::string& nodes) {
    std::map<EventKey, Stored> again;
    for (auto& [key, stored] : rows) {
      if (stored.end != 0) continue;
      stored.end = at;
      if (!key.node.empty()) {
        again[{key.node, at}] = stored;
        again[{key.node, at}].end = 0;
      }
    }
    for (const auto& [key, stored] : again) rows[key] = stored;
    rows[{"", at}] = {0, 0, "Cluster Registered TRES", tres, nodes, 0};
  }
  void Down(const std::string& node, std::int64_t at, std::uint64_t state = 1,
            const char* reason = "broken") {
    Up(node, at);
    rows[{node, at}] = {0, state, reason, "1=4,2=100,5=4", "", 0};
  }
  void Up(const std::string& node, std::int64_t at) {
    for (auto& [key, stored] : rows) {
      if (key.node == node && stored.end == 0) stored.end = at;
    }
  }

  std::map<EventKey, Stored> rows;
  std::vector<std::string> asked_before;  // nodes, by the last ReadBefore
  bool fails = false;
  std::size_t told = 0;

 private:
  void Tell(const EventKey& key, const Stored& stored, const Sink& sink) {
    ++told;
    sink({key.node, key.start, stored.end, stored.state, stored.uid, stored.reason, stored.tres,
          stored.nodes});
  }
};

}  // namespace slurmdb
