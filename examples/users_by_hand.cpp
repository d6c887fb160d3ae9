// Compiles only while the structs in users_by_hand.hpp are what users.yaml says.
#include <iostream>
#include <shmbus/shmbus.hpp>

#include "users_check.hpp"

using Create = shmbus::Command<"user.create", by_hand::NewUser>;

int main() { std::cout << shmbus::schema_of<Create>.text << '\n'; }
