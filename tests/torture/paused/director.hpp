// Sets up a theatre, keeps an eye on everybody, and clears up. Used by the scenes.
#pragma once

#include <string>

#include "torture/paused/scenes.hpp"

namespace shmbus::torture {

class Director {
 public:
  Director(const Scene& scene, SceneResult& result);
  Director(const Director&) = delete;
  Director& operator=(const Director&) = delete;
  ~Director();

  Stage stage() { return {path_, *notes_}; }
  [[nodiscard]] Notes& notes() { return *notes_; }
  test::Child start(int (*body)(const Stage&), const char* stop_point = nullptr);
  test::Child start_daemon();

  void check(bool good, const std::string& what);
  /// Runs a newcomer; it must end well and soon.
  void newcomer(const std::function<int()>& body, const char* what);
  /// A while in which the part stands still: newcomers come, the others go on, nobody is "dead".
  void observe(std::chrono::milliseconds time, bool handler_stands, bool registered);
  /// All parts end well, and nothing is left.
  void end(std::vector<std::pair<const char*, test::Child*>> parts, test::Child& daemon);

 private:
  SceneResult& result_;
  std::string path_;
  test::Shared<Notes> notes_;
};

}  // namespace shmbus::torture
