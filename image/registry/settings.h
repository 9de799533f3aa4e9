// What the administrator says about registries, in one file, and the certificates of hosts. No file: the
// defaults. Read by the parent before the HTTP child exists to be told. The format is in docs/registry.md.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "image/registry/url.h"

namespace image::registry {

inline constexpr const char* kSettingsPath = "/etc/vial/registries.json";

struct Settings {
  std::vector<std::string> insecure;  // hosts: plain http and unknown certificates will do
  std::map<std::string, std::vector<std::string>> mirrors;  // domain -> hosts or addresses, asked first
  std::string search = "https://index.docker.io";           // who answers `search TERM`
  uint64_t downloads = 3;                                   // layers at a time
  uint64_t uploads = 3;                                     // layers at a time
  int64_t connect_timeout_ns = 10 * kSecondNs;
  int64_t stall_timeout_ns = 60 * kSecondNs;  // without progress
  int64_t retry_delay_ns = kSecondNs;         // doubled each time
  std::vector<std::string> certificate_directories = {"/etc/docker/certs.d", "/etc/vial/certs.d"};

  bool is_insecure(std::string_view host) const;
};

// Errors: kInvalid with the JSON pointer for wrong types and for members that there are not (a limit that is
// misspelled must not be ignored), kCorrupt for no JSON.
Result<Settings> parse_settings(std::string_view text);
// `path` empty: $VIAL_REGISTRIES, else kSettingsPath, which may be absent. Errors: also kSystem.
Result<Settings> read_settings(const std::string& path = "");

// PEM texts for a host: what the system trusts and DIRECTORY/HOST/*.crt; a client's certificate and key
// (*.cert with the *.key of the same name), as Docker lays them out.
struct Certificates {
  std::string authorities;
  std::string client_certificate;
  std::string client_key;
};
// Errors: kSystem, kInvalid for a *.cert without its *.key.
Result<Certificates> read_certificates(const Settings& settings, const std::string& host);

// The proxy for `url` by https_proxy, http_proxy, no_proxy and their upper-case twins (http_proxy in lower
// case only, as everywhere: a CGI sets the other one); empty: none. Pure but for the look-up.
using Environment = std::optional<std::string> (*)(const char* name);
std::string choose_proxy(const Url& url, const Environment& environment);
std::optional<std::string> process_environment(const char* name);

}  // namespace image::registry
