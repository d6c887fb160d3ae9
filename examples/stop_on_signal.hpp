// A stop token that SIGTERM and SIGINT trigger, for Server::run().
#pragma once

#include <pthread.h>

#include <csignal>
#include <stop_token>
#include <thread>

/// REQUIRES: called before any thread is started, so that all of them leave the signals alone.
inline std::stop_token stop_on_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::stop_source source;
  auto token = source.get_token();
  std::thread([signals, source]() mutable {
    int signal = 0;
    sigwait(&signals, &signal);
    source.request_stop();
  }).detach();
  return token;
}
