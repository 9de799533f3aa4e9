// A systemd of our own making on a bus of its own, for tests on machines without one: it takes one connection
// and answers every call; a scope's job ends as the test says.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

class FakeSystemd {
 public:
  // Listens at `directory`/bus; the calls are kept as `directory`/callSERIAL. `result` is how jobs end
  // ("done", "failed"); "refused": StartTransientUnit is answered with an error.
  FakeSystemd(const std::string& directory, const std::string& result);
  ~FakeSystemd();
  FakeSystemd(const FakeSystemd&) = delete;
  FakeSystemd& operator=(const FakeSystemd&) = delete;
  FakeSystemd(FakeSystemd&&) = delete;
  FakeSystemd& operator=(FakeSystemd&&) = delete;

 private:
  pid_t pid_ = -1;
};

// A message as a bus would send it: 1 call, 2 return, 3 error (`member` is its name), 4 signal.
std::string bus_message(uint8_t type, uint32_t reply_to, const std::string& member,
                        const std::string& signature, const std::string& body);
// Read so much, or a line to its end, or end the process: for the far side.
std::string read_exactly(int fd, size_t count);
std::string read_line(int fd);
