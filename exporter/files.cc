#include "exporter/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "exporter/log.h"

namespace exporter {
namespace {

[[noreturn]] void Fail(const char* what, const std::string& path, int error) {
  throw std::runtime_error(what + log::Quote(path) + ": " + std::generic_category().message(error));
}

}  // namespace

std::string ReadFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) Fail("cannot read ", path, errno);
  return text;
}

void ReplaceFile(const std::string& path, const std::string& text) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && ReadFile(path) == text) return;
  const std::string fresh = path + ".new";
  const int file = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) Fail("cannot write ", fresh, errno);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(file, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int error = errno;
      close(file);
      Fail("cannot write ", fresh, error);
    }
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  const int synced = fsync(file) == 0 ? 0 : errno;
  if (close(file) != 0 || synced != 0) Fail("cannot write ", fresh, synced != 0 ? synced : errno);
  std::filesystem::rename(fresh, path);
}

}  // namespace exporter
