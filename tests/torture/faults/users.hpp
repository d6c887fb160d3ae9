// Real users: a program that is root starts children that become others.
#pragma once

#include <grp.h>

#include <functional>

#include "torture/faults/tally.hpp"

namespace shmbus::torture {

struct User {
  uid_t uid;
  std::vector<gid_t> groups;
};

inline constexpr gid_t shared_group = 60'001;
inline const User root{0, {0}};
inline const User anna{60'001, {60'101, shared_group}};
inline const User berta{60'002, {60'102, shared_group}};
inline const User carla{60'003, {60'103}};

inline bool become_user(const User& user) {
  if (user.uid == 0) return true;
  return ::setgroups(user.groups.size(), user.groups.data()) == 0 &&
         ::setresgid(user.groups[0], user.groups[0], user.groups[0]) == 0 &&
         ::setresuid(user.uid, user.uid, user.uid) == 0;
}

inline constexpr int no_change = 44;

inline test::Child as(const User& user, const std::function<int()>& body) {
  return test::Child([&] { return become_user(user) ? body() : no_change; });
}

}  // namespace shmbus::torture
