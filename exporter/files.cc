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
#include <utility>

#include "exporter/log.h"

namespace exporter {
namespace {

[[noreturn]] void Fail(const char* what, const std::string& path, int error) {
  throw std::runtime_error(what + log::Quote(path) + ": " + std::generic_category().message(error));
}

}  // namespace

std::string ReadFile(const std::string& path) {
  // A stream opens a folder and throws at the first byte.
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) Fail("cannot read ", path, EISDIR);
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) Fail("cannot read ", path, errno);
  return text;
}

NewFile::NewFile(std::string path)
    : path_(std::move(path)),
      fresh_(path_ + ".new"),
      file_(open(fresh_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (file_ < 0) Fail(errno);
}

NewFile::~NewFile() {
  if (file_ < 0) return;
  close(file_);
  unlink(fresh_.c_str());
}

void NewFile::Fail(int error) { exporter::Fail("cannot write ", fresh_, error); }

void NewFile::Write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) Fail(errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void NewFile::Commit() {
  if (fsync(file_) != 0) Fail(errno);
  const int closed = close(std::exchange(file_, -1));
  if (closed != 0) Fail(errno);
  std::filesystem::rename(fresh_, path_);
}

void ReplaceFile(const std::string& path, const std::string& text) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored) && ReadFile(path) == text) return;
  NewFile file(path);
  file.Write(text);
  file.Commit();
}

}  // namespace exporter
