#include "cli/help.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/output.h"
#include "cli/registry.h"

using cli::OptionKind;

namespace {

constexpr cli::OptionSpec kOptions[] = {
    {'t', "timeout", OptionKind::kInt, "Seconds to wait before killing the container", nullptr, "10"},
    {'s', "signal", OptionKind::kString, "Signal to send to the container"},
    {0, "time", OptionKind::kInt, nullptr, nullptr, nullptr, "timeout"},
    {0, "long-one", OptionKind::kFlag,
     "Words enough to need a second line in eighty columns, so that wrapping shows"},
};

constexpr cli::Command kStop = {.names = "container stop, stop",
                                .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
                                .summary = "Stop one or more running containers",
                                .options = {kOptions},
                                .min_arguments = 1,
                                .examples = "# Kill it after 3 seconds\nvial stop -t 3 web"};

cli::Program whole_program() {
  return {"vial", cli::all_commands(), cli::all_groups(), {}};
}

}  // namespace

TEST_CASE("--help has Docker's layout") {
  CHECK(cli::command_help(kStop, "stop", 80) ==
        "Usage:  vial stop [OPTIONS] CONTAINER [CONTAINER...]\n"
        "\n"
        "Stop one or more running containers\n"
        "\n"
        "Aliases:\n"
        "  vial container stop, vial stop\n"
        "\n"
        "Options:\n"
        "      --long-one        Words enough to need a second line in eighty columns, so\n"
        "                        that wrapping shows\n"
        "  -s, --signal string   Signal to send to the container\n"
        "  -t, --timeout int     Seconds to wait before killing the container (default\n"
        "                        10)\n"
        "\n"
        "Examples:\n"
        "  # Kill it after 3 seconds\n"
        "  vial stop -t 3 web\n");
}

TEST_CASE("a man page escapes what is troff's") {
  const std::string page = cli::command_man_page(kStop);
  CHECK_THAT(page, Catch::StartsWith(".TH \"VIAL\\-STOP\" \"1\""));
  CHECK_THAT(page, Catch::Contains("\\fB\\-t, \\-\\-timeout\\fR \\fIint\\fR\n"));
  CHECK_THAT(page, !Catch::Contains("--"));
  constexpr cli::Command kDot = {.names = "dot", .usage = "", .summary = "x", .examples = ".hidden\n'quote"};
  CHECK_THAT(cli::command_man_page(kDot), Catch::Contains("\\&.hidden\n\\&'quote"));
}

TEST_CASE("paragraphs of a command stand in help and man page") {
  constexpr cli::Command kTold = {
      .names = "told", .usage = "ID", .summary = "Tell", .details = "One two\nthree.\n\n.Four."};
  CHECK(cli::command_help(kTold, "told", 80, "vial-oci") ==
        "Usage:  vial-oci told ID\n\nTell\n\nOne two\nthree.\n\n.Four.\n");
  const std::string page = cli::command_man_page(kTold, "vial-oci");
  CHECK_THAT(page, Catch::StartsWith(".TH \"VIAL\\-OCI\\-TOLD\""));
  CHECK_THAT(page, Catch::Contains("\n.PP\nOne two\nthree.\n.PP\n\\&.Four.\n"));
  CHECK_THAT(page, Catch::Contains(".BR vial\\-oci (1)"));
}

TEST_CASE("a mistyped command finds its neighbour") {
  const auto program = whole_program();
  CHECK(cli::nearest_command(program, "laod") == "load");
  CHECK(cli::nearest_command(program, "image improt") == "image import");
  CHECK(cli::nearest_command(program, "contianer") == "container");
  CHECK(cli::nearest_command(program, "zzzzzz").empty());
  CHECK(cli::nearest_command(program, std::string(100000, 'a')).empty());
}

TEST_CASE("every command of the registry is well formed") {
  const auto program = whole_program();
  std::vector<std::string> seen;
  for (const auto family : program.commands) {
    for (const auto& command : family) {
      INFO(command.names);
      for (const auto& name : cli::names_of(command)) {
        CHECK(std::find(seen.begin(), seen.end(), name) == seen.end());
        seen.push_back(name);
        const size_t blank = name.find(' ');
        if (blank != std::string::npos) CHECK(cli::find_group(program, name.substr(0, blank)) != nullptr);
      }
      std::vector<std::string> names;
      std::string letters;
      for (const auto table : command.options) {
        for (const auto& option : table) {
          INFO(option.name);
          CHECK(std::find(names.begin(), names.end(), option.name) == names.end());
          names.emplace_back(option.name);
          if (option.short_name != 0) CHECK(letters.find(option.short_name) == std::string::npos);
          if (option.short_name != 0) letters += option.short_name;
          if (option.help != nullptr) CHECK_FALSE(std::string(option.help).ends_with('.'));
        }
      }
      for (const auto table : command.options) {
        for (const auto& option : table) {
          if (option.same_as != nullptr)
            CHECK(std::find(names.begin(), names.end(), option.same_as) != names.end());
        }
      }
      CHECK_FALSE(std::string(command.summary).ends_with('.'));
      if (!command.hidden) CHECK(std::string_view(command.examples) != "");
      if (std::string(command.usage).starts_with("[OPTIONS]")) CHECK_FALSE(names.empty());
    }
  }
}

TEST_CASE("text is wrapped at blanks") {
  CHECK(cli::wrap("one two three", 7, 2) == "one two\n  three");
  CHECK(cli::wrap("a\nb", 10, 1) == "a\n b");
  CHECK(cli::wrap("averyveryverylongword x", 5, 0) == "averyveryverylongword\nx");
}
