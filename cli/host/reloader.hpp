// One thread that loads, exchanges and unloads plug-ins, a job at a time, so that neither the
// thread that serves nor the one that answers questions ever waits for it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "cli/host/control.hpp"
#include "cli/host/host.hpp"

namespace shmbus::cli::host {

class Reloader {
 public:
  explicit Reloader(Host& host);
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;
  ~Reloader();  ///< finishes the job that it is at; the others get `abandoned`

  void ask(const ReloadRequest& request, Deferred<ReloadPlugin> answer);

 private:
  struct Job {
    ReloadRequest request;
    Deferred<ReloadPlugin> answer;
  };
  void run();
  ReloadReply reload(const ReloadRequest& request);

  Host* host_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace shmbus::cli::host
