// Whole files, in and out.
#pragma once

#include <string>
#include <string_view>

namespace exporter {

// Throws std::runtime_error that names the path and says why.
std::string ReadFile(const std::string& path);

// A file that has its name only once it is whole: it is written beside `path`. What is not committed is gone.
// All throw std::runtime_error that names the path and says why.
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void Write(std::string_view bytes);
  // To the disk, and then in the place of an old one. Nothing may follow.
  void Commit();

 private:
  [[noreturn]] void Fail(int error);

  std::string path_;
  std::string fresh_;
  int file_ = -1;
};

// Writes a new file beside `path`, to the disk, and renames it: the old one is whole until the new one is. A
// file that says the same already is left alone. Throws std::runtime_error that names the path and says why.
void ReplaceFile(const std::string& path, const std::string& text);

}  // namespace exporter
