// How a registry asks for credentials, and what its token server answers: the WWW-Authenticate header
// (RFC 9110 section 11, RFC 6750) and the token document (distribution's token authentication specification).
// Both come from outside. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace image::registry {

struct Challenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case

  std::string parameter(const std::string& name) const;  // "" when absent
};

// All challenges of one header's value; several may stand in one. Errors: kInvalid for what is none, for more
// than kMaxChallenge bytes.
inline constexpr size_t kMaxChallenge = 65536;
Result<std::vector<Challenge>> parse_challenges(std::string_view value);

// The one to answer: Bearer when there is one, else Basic, else none.
std::optional<Challenge> choose_challenge(const std::vector<std::string>& headers);

struct Token {
  std::string text;
  int64_t expires_in_s = 60;  // what the specification says when the server does not
};
// Errors: kCorrupt, kInvalid: no document with a usable `token` or `access_token`.
Result<Token> parse_token(std::string_view body);

// "Basic <base64 of user:password>", the value of the Authorization header.
std::string basic_authorization(std::string_view user, std::string_view password);
std::string base64(std::string_view bytes);
// Errors: kInvalid.
Result<std::string> from_base64(std::string_view text);

}  // namespace image::registry
