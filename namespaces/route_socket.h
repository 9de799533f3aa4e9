// One rtnetlink(7) request at a time: a message is built attribute by attribute, sent, and its answers are
// collected. No more of the protocol than moving an interface needs.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace namespaces {

class RouteMessage {
 public:
  // `body` is the struct behind the header: ifinfomsg, ifaddrmsg.
  template <typename Body>
  RouteMessage(uint16_t type, uint16_t flags, const Body& body) {
    bytes_.assign(NLMSG_HDRLEN, '\0');
    header() = {0, type, static_cast<uint16_t>(NLM_F_REQUEST | flags), 1, 0};
    append(std::string_view(reinterpret_cast<const char*>(&body), sizeof body));
  }
  void add(uint16_t attribute, std::string_view value);
  void add(uint16_t attribute, uint32_t value);
  // A string with its terminating zero.
  void add_text(uint16_t attribute, const std::string& text);
  std::string_view finished();

 private:
  nlmsghdr& header() { return *reinterpret_cast<nlmsghdr*>(bytes_.data()); }
  void append(std::string_view data);
  std::string bytes_;
};

// One answer: its type, and what follows its header.
struct RouteAnswer {
  uint16_t type = 0;
  std::string body;
};

class RouteSocket {
 public:
  // A socket in the network namespace that the caller is in now.
  static Result<RouteSocket> open();
  // Sends it and returns what comes back up to the acknowledgement or the end of a dump. kSystem with the
  // kernel's errno.
  Result<std::vector<RouteAnswer>> ask(RouteMessage message) const;

 private:
  Fd socket_;
};

// The attribute of that type in `attributes`, or an empty view.
std::string_view find_attribute(std::string_view attributes, uint16_t type);

}  // namespace namespaces
