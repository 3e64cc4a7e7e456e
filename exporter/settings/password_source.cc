#include "exporter/settings/password_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "exporter/log.h"

namespace exporter {
namespace {

constexpr char kVariable[] = "SLURMDBD_EXPORTER_DATABASE_PASSWORD";
constexpr std::size_t kLongest = std::size_t{64} * 1024;

[[noreturn]] void Fail(const std::filesystem::path& file, const std::string& why) {
  throw std::runtime_error("cannot use the password file " + log::Quote(file.string()) + ": " + why);
}

std::string ErrnoText(int error) { return std::generic_category().message(error); }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// One trailing "\n" or "\r\n" belongs to the editor, any other byte to the password.
void StripLineBreak(std::string& text) {
  if (!text.ends_with('\n')) return;
  text.pop_back();
  if (text.ends_with('\r')) text.pop_back();
}

std::string ReadFile(const std::filesystem::path& file) {
  // Non-blocking, so that a FIFO does not hang the exporter before it is refused.
  const Descriptor fd(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) Fail(file, ErrnoText(errno));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) Fail(file, ErrnoText(errno));
  // It is read again at each connect; a pipe would give the password only once.
  if (!S_ISREG(status.st_mode)) Fail(file, "it is not a regular file");

  std::string text;
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) Fail(file, ErrnoText(errno));
    if (got == 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kLongest) Fail(file, "it is longer than 64 KiB");
  }
  StripLineBreak(text);
  if (text.empty()) Fail(file, "it is empty");
  // The client library takes C strings: what follows would be cut off without a word.
  if (text.find('\0') != std::string::npos) Fail(file, "it holds a NUL byte");
  return text;
}

}  // namespace

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nothing calls setenv
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

PasswordSource::PasswordSource(std::filesystem::path file, Environment environment)
    : file_(std::move(file)), environment_(std::move(environment)) {}

PasswordSource::Choice PasswordSource::Choose() const {
  if (!file_.empty()) return {Kind::kFile, file_, {}};
  if (auto value = environment_(kVariable); value && !value->empty()) {
    return {Kind::kEnvironment, {}, *std::move(value)};
  }
  if (const auto folder = environment_("CREDENTIALS_DIRECTORY"); folder && !folder->empty()) {
    const std::filesystem::path file = std::filesystem::path(*folder) / "database-password";
    std::error_code error;
    // Missing means that the unit passes other credentials but not this one; unreadable is for Read to
    // report.
    if (std::filesystem::exists(file, error) || error) return {Kind::kCredential, file, {}};
  }
  return {};
}

std::string PasswordSource::Read() const {
  Choice choice = Choose();
  switch (choice.kind) {
    case Kind::kNone:
      return {};
    case Kind::kEnvironment:
      return std::move(choice.value);
    case Kind::kFile:
    case Kind::kCredential:
      return ReadFile(choice.file);
  }
  return {};
}

std::string PasswordSource::Describe() const {
  const Choice choice = Choose();
  switch (choice.kind) {
    case Kind::kNone:
      return "none";
    case Kind::kEnvironment:
      return std::string("environment variable ") + kVariable;
    case Kind::kFile:
      return "file " + choice.file.string();
    case Kind::kCredential:
      return "systemd credential " + choice.file.string();
  }
  return "none";
}

std::optional<std::string> PasswordSource::Warning() const {
  const Choice choice = Choose();
  struct stat status {};
  if (choice.file.empty() || stat(choice.file.c_str(), &status) != 0 || (status.st_mode & S_IROTH) == 0) {
    return std::nullopt;
  }
  return "the password file " + log::Quote(choice.file.string()) +
         " can be read by every user of this machine; chmod it to 0640 or 0600";
}

}  // namespace exporter
