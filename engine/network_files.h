// The content of /etc/hosts, /etc/hostname and /etc/resolv.conf of a container. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace engine {

// `extra_hosts` are "name:address" (an IPv6 address may be in brackets). kInvalid in Docker's words for an
// address that is none; host-gateway needs a network that has one.
Result<std::string> hosts_file(const std::vector<std::string>& extra_hosts);

struct ResolverOptions {
  std::vector<std::string> servers;  // --dns
  std::vector<std::string> search;   // --dns-search; "." means none
  std::vector<std::string> options;  // --dns-option
};
// The host's resolv.conf with what the request replaces. A server on the host's loopback is left out unless
// the container shares the host's network (`is_host_network`).
std::string resolver_file(const std::string& host_file, const ResolverOptions& options, bool is_host_network);

}  // namespace engine
