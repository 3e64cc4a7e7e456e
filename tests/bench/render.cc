// What it costs to turn families into bytes: the exporter's Renderer, which makes text and gzip once a poll,
// and prometheus-cpp's TextSerializer, followed by zlib as in its Exposer.
//
//   bench_render SERIES RUNS    prints a JSON object; times are CPU seconds of each run
#include <prometheus/text_serializer.h>
#include <zlib.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "exporter/exposition/deflate.h"
#include "exporter/exposition/family.h"
#include "tests/bench/families.h"

namespace {

std::atomic<std::uint64_t> allocations = 0;
std::atomic<std::uint64_t> allocated_bytes = 0;

}  // namespace

// All of C++'s allocations; zlib's few of C are not among them.
void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  allocated_bytes.fetch_add(size, std::memory_order_relaxed);
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

double CpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// One way to render, and what its runs cost.
struct Way {
  const char* name;
  std::function<std::size_t()> work;  // returns the size of what it made
  std::vector<double> seconds = {};
  std::size_t size = 0;
  std::uint64_t allocations = 0;
  std::uint64_t allocated_bytes = 0;

  void Run() {
    const std::uint64_t count_before = ::allocations;
    const std::uint64_t bytes_before = ::allocated_bytes;
    const double before = CpuSeconds();
    size = work();
    const double after = CpuSeconds();
    allocations = ::allocations - count_before;
    allocated_bytes = ::allocated_bytes - bytes_before;
    seconds.push_back(after - before);
  }

  void Print() const {
    std::printf("\"%s\": {\"seconds\": [", name);
    for (std::size_t i = 0; i < seconds.size(); ++i) std::printf("%s%.6f", i == 0 ? "" : ", ", seconds[i]);
    std::printf("], \"allocations\": %llu, \"allocated_bytes\": %llu, \"size\": %zu}",
                static_cast<unsigned long long>(allocations),
                static_cast<unsigned long long>(allocated_bytes), size);
  }
};

std::size_t Render(const std::vector<prometheus::MetricFamily>& families, int deflate_level) {
  exporter::Renderer renderer(deflate_level);
  std::size_t size = 0;
  for (const prometheus::MetricFamily& family : families)
    size += renderer.Render(family).family->body.plain.size();
  return size;
}

std::size_t Gzip(const std::string& text) {
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::runtime_error("deflateInit2");
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  const std::size_t size = stream.total_out;
  deflateEnd(&stream);
  return size;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s SERIES RUNS\n", argv[0]);
    return 2;
  }
  const std::vector<prometheus::MetricFamily> families =
      bench::MakeFamilies(static_cast<std::size_t>(std::atol(argv[1])));
  const int runs = std::atoi(argv[2]);

  const prometheus::TextSerializer serializer;
  std::vector<Way> ways = {
      {"renderer", [&] { return Render(families, exporter::Deflater::kDefaultLevel); }},
      {"renderer_text",
       [&] { return Render(families, 0); }},  // with a checksum and a copy, as zlib's level 0 is
      {"serializer", [&] { return serializer.Serialize(families).size(); }},
      {"serializer_gzip", [&] { return Gzip(serializer.Serialize(families)); }},
  };
  for (int run = 0; run < runs; ++run) {
    for (Way& way : ways) way.Run();
  }
  for (std::size_t i = 0; i < ways.size(); ++i) {
    std::printf("%s", i == 0 ? "{\n" : ",\n");
    ways[i].Print();
  }
  std::printf("\n}\n");
  return 0;
}
