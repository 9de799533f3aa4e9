// A connection to the system's D-Bus, as root: calls with their answers, and signals.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "cgroups/bus_message.h"

namespace cgroups {

class Bus {
 public:
  // Connects to the unix socket at `path`, authenticates by our uid, says Hello. kNotFound when nobody
  // listens. D-Bus specification, "Authentication Protocol", EXTERNAL.
  static Result<Bus> connect(const std::string& path);
  // Connects to a server's own socket, without a bus between: all signals come unasked, and nobody is to be
  // greeted. Errors as connect().
  static Result<Bus> connect_directly(const std::string& path);
  bool is_direct() const { return is_direct_; }

  // The answer; kSystem with the error's name and words. All calls wait 30 s at the most.
  Result<BusMessage> call(const BusCall& call);
  // The next signal called `member`, also one that came before.
  Result<BusMessage> next_signal(const std::string& member);

 private:
  Result<void> authenticate();
  Result<void> send(const std::string& bytes) const;
  Result<std::string> receive(size_t count) const;
  Result<BusMessage> next_message() const;

  Fd socket_;
  bool is_direct_ = true;
  uint32_t serial_ = 0;
  std::deque<BusMessage> signals_;
};

}  // namespace cgroups
