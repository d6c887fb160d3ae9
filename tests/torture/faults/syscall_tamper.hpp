// Makes the n-th system call of a child fail, as a full machine or a strict sandbox would.
//
// The child filters itself with seccomp and hands the listener to its parent, who then decides
// about each call: let it through, or answer with an errno without its having happened. What only
// takes things back (munmap, close, exit) is not asked about.
#pragma once

#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

namespace shmbus::torture {

/// What a kernel may say to this call. Each is tried in turn.
inline std::vector<int> plausible_errors(const seccomp_data& asked) {
  switch (asked.nr) {
    case SYS_futex:  // the C library's own (private ones) end the process when they fail
      if ((asked.args[1] & FUTEX_PRIVATE_FLAG) != 0) return {};
      switch (asked.args[1] & FUTEX_CMD_MASK) {
        case FUTEX_WAIT:
        case FUTEX_WAIT_BITSET:
          return {EINTR, EAGAIN};
        default:
          return {EPERM, ENOSYS};
      }
    case SYS_brk:  // says by its value that it failed
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getuid:
    case SYS_geteuid:
    case SYS_tgkill:  // cannot fail, or are the test's own
      return {};
    case SYS_mmap:
    case SYS_mprotect:
    case SYS_madvise:
      return {ENOMEM, EPERM};
    case SYS_membarrier:
    case SYS_futex_waitv:
    case SYS_pidfd_open:
      return {ENOSYS, EPERM, EINVAL};
    case SYS_fallocate:
      return {ENOSPC, EINTR, EPERM, EFBIG};
    case SYS_openat:
      return {EMFILE, ENFILE, ENOMEM, ENOSPC, EINTR, EPERM};
    case SYS_fcntl:
      return {ENOLCK, EINTR, EPERM};
    case SYS_clone:
    case SYS_clone3:
      return {EAGAIN, ENOMEM};
    case SYS_rt_sigprocmask:  // like those above: cannot fail, and nobody asks whether it did
      return {};
    case SYS_clock_nanosleep:
    case SYS_epoll_wait:
    case SYS_epoll_pwait:
      return {EINTR};
    default:
      return {ENOMEM, ENOSPC, EMFILE, EINTR, EPERM, ENOSYS};
  }
}

/// In the child: from here on its calls are the parent's affair. False when that is not allowed.
inline bool submit(int socket) {
  constexpr std::array free_calls = {
      SYS_exit,  SYS_exit_group, SYS_rt_sigreturn,    SYS_sendmsg, SYS_munmap,
      SYS_close, SYS_write,      SYS_set_robust_list, SYS_rseq,    SYS_sched_yield};
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long call : free_calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  // Everything that sending needs is made before: the first call after the filter is sendmsg.
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const long listener =
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
  if (listener < 0) return false;
  const int fd = static_cast<int>(listener);
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  const bool sent = ::sendmsg(socket, &message, 0) == 1;
  ::close(fd);
  return sent;
}

/// In the parent: the listener; -1 when the child could not.
inline int receive_listener(int socket) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  char byte = 0;
  iovec part{&byte, 1};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1) return -1;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr) return -1;
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return fd;
}

/// Decides about one call: 0 lets it through, an errno fails it.
template <class Decide>
void supervise(int listener, Decide decide, std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (std::chrono::steady_clock::now() < until) {
    pollfd one{listener, POLLIN, 0};
    if (::poll(&one, 1, 50) <= 0) continue;
    if ((one.revents & POLLIN) == 0) return;  // nobody is left who could call
    seccomp_notif asked{};
    if (::ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0) continue;
    seccomp_notif_resp answer{};
    answer.id = asked.id;
    const int error = decide(asked.data);
    if (error == 0) {
      answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    } else {
      answer.error = -error;
    }
    (void)::ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
  }
}

}  // namespace shmbus::torture
