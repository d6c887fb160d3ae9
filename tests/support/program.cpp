#include "support/program.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace shmbus::test {
namespace {

bool lead(int stream, const std::string& file) {
  if (file.empty()) return true;
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  return fd >= 0 && ::dup2(fd, stream) == stream;
}

}  // namespace

Child start_program(std::vector<std::string> words, const Output& output) {
  return Child([&] {
    if (!lead(STDOUT_FILENO, output.out) || !lead(STDERR_FILENO, output.err)) return 126;
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    return 127;
  });
}

}  // namespace shmbus::test
