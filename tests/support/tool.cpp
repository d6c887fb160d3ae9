#include "support/tool.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/temp_bus.hpp"

namespace shmbus::test {
namespace {

// Files, not pipes: a program that prints much and reads nothing cannot block either side.
[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& folder) {
  ::unsetenv("SHMBUS_BUS");
  const int in = ::open((folder + "/in").c_str(), O_RDONLY);
  const int out = ::open((folder + "/out").c_str(), O_WRONLY | O_CREAT, 0600);
  const int err = ::open((folder + "/err").c_str(), O_WRONLY | O_CREAT, 0600);
  if (in < 0 || out < 0 || err < 0) ::_exit(126);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

}  // namespace

Ran run_program(const std::vector<std::string>& arguments, const std::string& input) {
  const TempFolder folder;
  std::ofstream(folder.path() + "/in", std::ios::binary) << input;
  const pid_t pid = ::fork();
  if (pid == 0) become(arguments, folder.path());
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_whole_file(folder.path() + "/out"),
          read_whole_file(folder.path() + "/err")};
}

Ran run_tool(std::vector<std::string> arguments, const std::string& input) {
  arguments.insert(arguments.begin(), SHMBUS_BIN_DIR "/shmbus");
  return run_program(arguments, input);
}

std::string read_whole_file(const std::string& path) {
  const std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace shmbus::test
