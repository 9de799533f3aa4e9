#include "runtime/views.h"

#include <catch2/catch.hpp>

#include "base/process.h"
#include "base/strings.h"

// In the lines of a script, quoted in each of the shell's ways.
TEST_CASE("the id of a script is its own where a path has it, whatever quotes are around") {
  const std::string id(64, '0');
  runtime::ShellFiles files;
  files.id = id;
  const auto echo = [&](const std::string& word) { files.make += "echo " + word + "\n"; };
  echo("/plain/" + id + "/x");
  echo(shell_quote("/a blank/" + id + "/x"));
  echo(shell_quote("/it's/" + id));
  echo("\"$(echo '/a  blank/" + id + "')/" + id + "\"");
  files.make += "# it's a comment of /" + id + "\n";
  echo(shell_quote("/behind/" + id + " blank"));
  echo("HASH=" + id);
  // Up to here the script makes nothing.
  std::string script = runtime::shell_script({}, "title", files);
  script = "ID=77\n" + script.substr(script.find("echo "));
  script = script.substr(0, script.find("INIT="));
  const auto output = run_command({"sh", "-c", script});
  REQUIRE(output);
  INFO(script << output->err);
  CHECK(output->out ==
        "/plain/77/x\n/a blank/77/x\n/it's/77\n/a  blank/77/77\n/behind/77 blank\nHASH=" + id + "\n");
}
