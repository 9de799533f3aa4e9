#include "engine/network_files.h"

#include <arpa/inet.h>

#include <array>
#include <string_view>

#include "base/strings.h"

namespace engine {

namespace {

constexpr std::string_view kLocalHosts =
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::\tip6-localnet\n"
    "ff00::\tip6-mcastprefix\n"
    "ff02::1\tip6-allnodes\n"
    "ff02::2\tip6-allrouters\n";

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address = {};
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : line + " ") {
    if (c != ' ' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  return words;
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1";
}

}  // namespace

Result<std::string> hosts_file(const std::vector<std::string>& extra_hosts) {
  std::string text(kLocalHosts);
  for (const auto& entry : extra_hosts) {
    size_t separator = entry.find(':');
    if (const size_t equals = entry.find('='); equals < separator) separator = equals;
    const std::string name = entry.substr(0, separator);
    std::string address = separator == std::string::npos ? "" : entry.substr(separator + 1);
    if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
    if (address == "host-gateway")
      return invalid(
          "unable to derive the IP value for host-gateway: the container has no network with a gateway");
    if (name.empty() || name.find_first_of(" \t\n") != std::string::npos || !is_address(address))
      return invalid("invalid IP address in add-host: \"" + address + "\"");
    text += address + "\t" + name + "\n";
  }
  return text;
}

std::string resolver_file(const std::string& host_file, const ResolverOptions& options,
                          bool is_host_network) {
  std::vector<std::string> servers = options.servers;
  std::vector<std::string> search = options.search;
  std::vector<std::string> resolver_options = options.options;
  for (const auto& line : split(host_file, '\n')) {
    const auto words = words_of(line);
    if (words.size() < 2) continue;
    const std::vector<std::string> values(words.begin() + 1, words.end());
    const bool is_reachable = is_host_network || !is_loopback(values[0]);
    if (words[0] == "nameserver" && options.servers.empty() && is_reachable) servers.push_back(values[0]);
    if ((words[0] == "search" || words[0] == "domain") && options.search.empty()) search = values;
    if (words[0] == "options" && options.options.empty()) resolver_options = values;
  }
  std::erase(search, ".");
  std::string text;
  for (const auto& server : servers)
    text += "nameserver " + server + "\n";
  if (!search.empty()) text += "search " + join(search, " ") + "\n";
  if (!resolver_options.empty()) text += "options " + join(resolver_options, " ") + "\n";
  return text;
}

}  // namespace engine
