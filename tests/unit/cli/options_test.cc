#include "cli/options.h"

#include <catch2/catch.hpp>
#include <cstdlib>

using cli::OptionKind;
using cli::Order;

namespace {

constexpr cli::OptionSpec kTable[] = {
    {'d', "detach", OptionKind::kFlag, "Run in background"},
    {'e', "env", OptionKind::kList, "Set environment variables"},
    {'i', "interactive", OptionKind::kFlag, "Keep STDIN open"},
    {'m', "memory", OptionKind::kSize, "Memory limit"},
    {0, "memory-swap", OptionKind::kSizeOrUnlimited, "Swap limit"},
    {0, "name", OptionKind::kString, "Name"},
    {0, "network", OptionKind::kString, "Network", nullptr, "none"},
    {0, "net", OptionKind::kString, nullptr, nullptr, nullptr, "network"},
    {0, "cpus", OptionKind::kDecimal, "CPUs"},
    {0, "stop-timeout", OptionKind::kInt, "Seconds"},
    {0, "interval", OptionKind::kDuration, "Between checks"},
    {0, "sig-proxy", OptionKind::kFlag, "Proxy signals", nullptr, "true"},
    {'t', "tty", OptionKind::kFlag, "Allocate a pseudo-TTY"},
};
constexpr cli::OptionTable kTables[] = {kTable};

Result<cli::Options> parse(const std::vector<std::string>& words, Order order = Order::kOptionsFirst) {
  return cli::parse_options(kTables, words, order);
}

std::string refusal(const std::vector<std::string>& words) {
  const auto options = parse(words);
  return options ? "accepted" : options.error().text();
}

}  // namespace

TEST_CASE("options are read in every spelling that Docker takes") {
  const auto options = parse({"-it", "-e", "A=1", "-eB=2", "-e=C=3", "--env", "D", "--env=E=", "-m64m",
                              "--name=web", "--detach=false", "busybox", "-x", "--name", "other"});
  REQUIRE(options);
  CHECK(options->flag("interactive"));
  CHECK(options->flag("tty"));
  CHECK_FALSE(options->flag("detach"));
  CHECK(options->given("detach"));
  CHECK(options->list("env") == std::vector<std::string>{"A=1", "B=2", "C=3", "D", "E="});
  CHECK(options->size_bytes("memory") == 64 * 1024 * 1024);
  CHECK(options->string("name") == "web");
  CHECK(options->arguments() == std::vector<std::string>{"busybox", "-x", "--name", "other"});
}

TEST_CASE("a flag's letter takes a value behind =, alone and behind others") {
  const auto options = parse({"-t=false", "-d=true", "-i", "-e", "-t=x", "busybox", "-d=false"});
  REQUIRE(options);
  CHECK(options->given("tty"));
  CHECK_FALSE(options->flag("tty"));
  CHECK(options->flag("detach"));
  CHECK(options->flag("interactive"));
  CHECK(options->list("env") == std::vector<std::string>{"-t=x"});
  CHECK(options->arguments() == std::vector<std::string>{"busybox", "-d=false"});
  const auto together = parse({"-idt=0"});
  REQUIRE(together);
  CHECK(together->flag("interactive"));
  CHECK(together->flag("detach"));
  CHECK_FALSE(together->flag("tty"));
  const auto mixed = parse({"a", "-t=false", "b", "--", "-d=true"}, Order::kMixed);
  REQUIRE(mixed);
  CHECK_FALSE(mixed->flag("tty"));
  CHECK(mixed->arguments() == std::vector<std::string>{"a", "b", "-d=true"});
  CHECK(parse({"-h=true"})->help_wanted());
  CHECK(refusal({"-t=maybe"}) ==
        "invalid argument \"maybe\" for \"-t, --tty\" flag: strconv.ParseBool: parsing \"maybe\": invalid "
        "syntax");
  CHECK(refusal({"-x=1"}) == "unknown shorthand flag: 'x' in -x=1");
  CHECK(refusal({"-tx=1"}) == "unknown shorthand flag: 'x' in -x=1");
  CHECK(refusal({"-=1"}) == "unknown shorthand flag: '=' in -=1");
}

TEST_CASE("the last value counts, defaults stand in, an absent option is absent") {
  const auto options = parse({"--name", "a", "--name", "b"});
  REQUIRE(options);
  CHECK(options->string("name") == "b");
  CHECK(options->string("network") == "none");
  CHECK_FALSE(options->given("network"));
  CHECK(options->flag("sig-proxy"));
  CHECK_FALSE(options->optional_flag("detach").has_value());
  CHECK_FALSE(options->size_bytes("memory").has_value());
  CHECK_FALSE(options->integer("stop-timeout").has_value());
}

TEST_CASE("an older spelling sets the newer option") {
  const auto options = parse({"--net", "host"});
  REQUIRE(options);
  CHECK(options->string("network") == "host");
  CHECK(options->given("network"));
}

TEST_CASE("typed values") {
  const auto options =
      parse({"--cpus", "1.5", "--memory-swap", "-1", "--interval", "1m30s", "--stop-timeout", "-1"});
  REQUIRE(options);
  CHECK(options->billionths("cpus") == 1'500'000'000);
  CHECK(options->size_bytes("memory-swap") == -1);
  CHECK(options->duration_ns("interval") == 90'000'000'000);
  CHECK(options->integer("stop-timeout") == -1);
  CHECK(parse({"--cpus", ".5"})->billionths("cpus") == 500'000'000);
  CHECK(parse({"--cpus", "2"})->billionths("cpus") == 2'000'000'000);
}

TEST_CASE("errors are Docker's sentences") {
  CHECK(refusal({"--bogus"}) == "unknown flag: --bogus");
  CHECK(refusal({"--bogus=1"}) == "unknown flag: --bogus");
  CHECK(refusal({"-x"}) == "unknown shorthand flag: 'x' in -x");
  CHECK(refusal({"-itx", "foo"}) == "unknown shorthand flag: 'x' in -x");
  CHECK(refusal({"-ixt"}) == "unknown shorthand flag: 'x' in -xt");
  CHECK(refusal({"--name"}) == "flag needs an argument: --name");
  CHECK(refusal({"-e"}) == "flag needs an argument: 'e' in -e");
  CHECK(refusal({"-ie"}) == "flag needs an argument: 'e' in -e");
  CHECK(refusal({"--memory=abc"}) ==
        "invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'");
  CHECK(refusal({"-m", "-1"}) == "invalid argument \"-1\" for \"-m, --memory\" flag: invalid size: '-1'");
  CHECK(refusal({"--detach=abc"}) ==
        "invalid argument \"abc\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"abc\": invalid "
        "syntax");
  CHECK(refusal({"--detach="}) ==
        "invalid argument \"\" for \"-d, --detach\" flag: strconv.ParseBool: parsing \"\": invalid syntax");
  CHECK(
      refusal({"--stop-timeout", "x"}) ==
      "invalid argument \"x\" for \"--stop-timeout\" flag: strconv.ParseInt: parsing \"x\": invalid syntax");
  CHECK(refusal({"--interval", "5"}) ==
        "invalid argument \"5\" for \"--interval\" flag: time: invalid duration \"5\"");
  for (const char* bad : {"", ".", "-1", "1e3", "1.0000000001", "1.-5", "x"})
    CHECK_THAT(refusal({"--cpus", bad}), Catch::Contains("as a rational number"));
}

TEST_CASE("long names must be spelled out") {
  CHECK(refusal({"--inter"}) == "unknown flag: --inter");
  CHECK(refusal({"--interact"}) == "unknown flag: --interact");
  CHECK(refusal({"--nam=x"}) == "unknown flag: --nam");
  CHECK(refusal({"--nam"}) == "unknown flag: --nam");
  CHECK(refusal({"--memory-s", "1g"}) == "unknown flag: --memory-s");
  CHECK(parse({"--memory", "1g"})->size_bytes("memory") == 1 << 30);
}

TEST_CASE("control characters do not reach the terminal") {
  CHECK(refusal({"--\x1b[31m"}) == "unknown flag: --\\x1b[31m");
}

TEST_CASE("order of options and arguments") {
  const auto mixed = parse({"web", "--name", "x", "-d", "db", "--", "-i"}, Order::kMixed);
  REQUIRE(mixed);
  CHECK(mixed->arguments() == std::vector<std::string>{"web", "db", "-i"});
  CHECK(mixed->string("name") == "x");
  CHECK(mixed->flag("detach"));
  CHECK_FALSE(mixed->flag("interactive"));

  const auto first = parse({"-d", "--", "-i", "--"}, Order::kOptionsFirst);
  REQUIRE(first);
  CHECK(first->arguments() == std::vector<std::string>{"-i", "--"});

  const auto value = parse({"-e", "--", "-d"}, Order::kMixed);  // here "--" is a value
  REQUIRE(value);
  CHECK(value->list("env") == std::vector<std::string>{"--"});
  CHECK(value->flag("detach"));

  const auto dash = parse({"-", "", "-d"}, Order::kMixed);
  REQUIRE(dash);
  CHECK(dash->arguments() == std::vector<std::string>{"-", ""});
  CHECK(dash->flag("detach"));
}

TEST_CASE("POSIXLY_CORRECT changes nothing") {
  ::setenv("POSIXLY_CORRECT", "1", 1);
  const auto options = parse({"web", "-d"}, Order::kMixed);
  ::unsetenv("POSIXLY_CORRECT");
  REQUIRE(options);
  CHECK(options->flag("detach"));
}

TEST_CASE("--help is understood everywhere, -h where it is free") {
  CHECK(parse({"--help"})->help_wanted());
  CHECK(parse({"-h"})->help_wanted());
  static constexpr cli::OptionSpec kWithH[] = {{'h', "hostname", OptionKind::kString, "Host name"}};
  static constexpr cli::OptionTable kTakesH[] = {kWithH};
  const auto options = cli::parse_options(kTakesH, {"-h", "web"}, Order::kOptionsFirst);
  REQUIRE(options);
  CHECK_FALSE(options->help_wanted());
  CHECK(options->string("hostname") == "web");
}
