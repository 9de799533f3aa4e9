// The environment of a container: -e, --env-file, the image's ENV, and what is always there. Built from an
// empty list; the caller's environment is asked only for names given on the command line.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace engine {

inline constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// The value of a variable of the calling process.
using LookUp = std::function<std::optional<std::string>(const std::string&)>;
std::optional<std::string> look_up_environment(const std::string& name);

// "K=V" stays; "K" becomes "K=value of the caller", or stays "K" when it has none: then it unsets the
// image's. kInvalid for an entry without a name.
Result<std::string> resolve_variable(const std::string& entry, const LookUp& look_up);

// The entries of an env file: a line "K=V" taken as it is (no quotes), "K" as above but left out when unset,
// '#' begins a comment line. kInvalid for a name with blanks or none, invalid UTF-8 is kept.
Result<std::vector<std::string>> parse_env_file(const std::string& text, const LookUp& look_up);

// What --env-file and -e give, in this order, resolved with the caller's environment. kInvalid for a file
// that can't be read or an entry that is none.
Result<std::vector<std::string>> given_environment(const std::vector<std::string>& env_files,
                                                   const std::vector<std::string>& env);

// `changes` applied to `base`: "K=V" replaces in place or appends, "K" removes.
std::vector<std::string> merge_environment(std::vector<std::string> base,
                                           const std::vector<std::string>& changes);

struct EnvironmentSources {
  std::vector<std::string> image;
  std::vector<std::string> request;  // resolved
  std::string hostname;
  std::string home;
  bool tty = false;
};
// The request's over the image's, as inspect shows it.
std::vector<std::string> combined_environment(const std::vector<std::string>& image,
                                              const std::vector<std::string>& request);
// PATH, HOSTNAME, TERM with a terminal; then the request's over the image's; HOME last if nobody set it.
std::vector<std::string> container_environment(const EnvironmentSources& sources);

}  // namespace engine
