// What the serving programs have in common: `PROGRAM SERIES` prints the port it serves on, and ends with its
// stdin.
#pragma once

#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace bench {

inline std::size_t SeriesOf(int argc, char** argv) {
  const long series = argc >= 2 ? std::atol(argv[1]) : 0;
  if (series <= 0) {
    std::fprintf(stderr, "usage: %s SERIES\n", argv[0]);
    std::exit(2);
  }
  return static_cast<std::size_t>(series);
}

inline void ServeUntilStdinEnds(int port) {
  std::printf("%d\n", port);
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}

}  // namespace bench
