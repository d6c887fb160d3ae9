// What a File holds: Boost's view of an open file description. Included by file.cpp and mapping.cpp
// alone, so that Boost is seen nowhere else.
#pragma once

#include <boost/interprocess/file_mapping.hpp>
#include <boost/interprocess/shared_memory_object.hpp>

#include "segment/file.hpp"

namespace shmbus::segment {

struct File::Object {
  boost::interprocess::file_mapping file;
  boost::interprocess::shared_memory_object shared_memory;
};

}  // namespace shmbus::segment
