#include "engine/names.h"

#include <sys/random.h>

#include <array>
#include <string_view>

#include "base/strings.h"

namespace engine {

namespace {

constexpr size_t kIdDigits = 64;

constexpr auto kAdjectives = std::to_array<std::string_view>(
    {"airy",    "ample",  "amber",    "apt",    "bold",    "brave",   "breezy", "bright", "brisk",  "calm",
     "candid",  "clear",  "clever",   "cosy",   "crisp",   "curious", "daring", "deft",   "eager",  "early",
     "earnest", "fair",   "festive",  "fleet",  "fluent",  "fond",    "frank",  "fresh",  "gentle", "glad",
     "glassy",  "golden", "hale",     "handy",  "hearty",  "honest",  "humble", "jolly",  "keen",   "kind",
     "lively",  "lucid",  "lunar",    "mellow", "merry",   "mild",    "modest", "neat",   "nimble", "noble",
     "patient", "placid", "plucky",   "polite", "quick",   "quiet",   "rapid",  "ready",  "serene", "sharp",
     "silent",  "silver", "sincere",  "smooth", "snug",    "solar",   "steady", "sunny",  "supple", "swift",
     "tender",  "tidy",   "tranquil", "upbeat", "valiant", "vivid",   "warm",   "wise",   "witty",  "zesty"});

// People of glass, light, vessels, numbers and machines.
constexpr auto kSurnames = std::to_array<std::string_view>(
    {"abbe",       "alhazen",  "ampere",     "archimedes", "babbage",   "bernoulli", "bohr",
     "boltzmann",  "boole",    "borodin",    "brahe",      "cauchy",    "curie",     "daguerre",
     "dijkstra",   "dirac",    "doppler",    "erdos",      "euclid",    "euler",     "faraday",
     "fermat",     "fourier",  "franklin",   "fraunhofer", "galilei",   "galois",    "gauss",
     "germain",    "hamilton", "herschel",   "hertz",      "hilbert",   "hooke",     "hopper",
     "huygens",    "hypatia",  "joule",      "kepler",     "kirchhoff", "knuth",     "kovalevskaya",
     "lagrange",   "lamarr",   "laplace",    "lavoisier",  "leavitt",   "leibniz",   "lovelace",
     "maxwell",    "meitner",  "mendel",     "mirzakhani", "napier",    "newton",    "noether",
     "ohm",        "pascal",   "pasteur",    "payne",      "planck",    "poincare",  "ramanujan",
     "rayleigh",   "ritchie",  "rontgen",    "sagan",      "schott",    "shannon",   "snell",
     "somerville", "thompson", "torricelli", "turing",     "volta",     "watt",      "wien",
     "wu",         "young",    "zeiss"});

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

unsigned random_number() {
  unsigned value = 0;
  // At most 256 bytes never come short once the pool is ready, getrandom(2).
  if (::getrandom(&value, sizeof value, 0) != sizeof value) value = 0;
  return value;
}

}  // namespace

Result<void> check_name(const std::string& name) {
  bool good = !name.empty() && is_alnum(name[0]);
  for (const char c : name)
    good = good && (is_alnum(c) || c == '_' || c == '.' || c == '-');
  constexpr size_t kLongest = 255;  // it is a file name, too
  if (good && name.size() <= kLongest) return ok();
  return invalid("Invalid container name (" + name + "), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
}

std::string bare_name(const std::string& name) {
  return !name.empty() && name[0] == '/' ? name.substr(1) : name;
}

std::string new_id() {
  for (;;) {
    std::string id = random_hex(kIdDigits / 2);
    // A hostname of digits only is taken for a number by some programs.
    if (id.substr(0, 12).find_first_of("abcdef") != std::string::npos) return id;
  }
}

std::string random_name(unsigned attempt) {
  const unsigned number = random_number();
  std::string name(kAdjectives[number % kAdjectives.size()]);
  name += '_';
  name += kSurnames[(number / kAdjectives.size()) % kSurnames.size()];
  if (attempt > 0) name += std::to_string(random_number() % (10U << (attempt < 16 ? attempt : 16)));
  return name;
}

bool is_full_id(const std::string& text) {
  return text.size() == kIdDigits && is_hex(text);
}

bool is_id_prefix(const std::string& text) {
  return !text.empty() && text.size() <= kIdDigits && is_hex(text);
}

}  // namespace engine
