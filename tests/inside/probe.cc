// probe                        what it sees, as JSON
// probe try NAME...            attacks and what came of them; "all" for all
//       open:PATH write:PATH   the same for a path
//       watch:COUNT            what so many processes that come in show of the host
// probe eat-memory MB [SECONDS]  touches memory, then keeps it
// probe fork N                 makes N processes at the same time
// probe burn SECONDS           uses CPU for so long, says how much it got
// probe sleep SECONDS          does nothing
// probe exit CODE
#include "tests/inside/probe.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/strings.h"

namespace probe {

std::string outcome(long result) {
  if (result >= 0) return "ok";
  const char* name = strerrorname_np(errno);
  return name != nullptr ? name : "errno " + std::to_string(errno);
}

}  // namespace probe

namespace {

int print(const Json& value) {
  return write_all(STDOUT_FILENO, dump_json(value) + "\n") ? 0 : 1;
}

uint64_t number(const std::vector<std::string>& arguments, size_t index) {
  if (index >= arguments.size()) return 0;
  return parse_uint(arguments[index]).value_or(0);
}

int report(const std::vector<std::string>& arguments) {
  Json out = Json::object();
  out["argv"] = arguments;
  probe::report_identity(out);
  probe::report_process(out);
  probe::report_files(out);
  probe::report_surroundings(out);
  return print(out);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  const std::string command = argc > 1 ? arguments[1] : "report";
  if (command == "report") return report(arguments);
  if (command == "try") return print(probe::try_attacks({arguments.begin() + 2, arguments.end()}));
  if (command == "eat-memory") return probe::eat_memory(number(arguments, 2), number(arguments, 3));
  if (command == "fork") return probe::fork_many(number(arguments, 2));
  if (command == "burn") return probe::burn(argc > 2 ? std::strtod(argv[2], nullptr) : 1);
  if (command == "sleep") return static_cast<int>(::sleep(static_cast<unsigned>(number(arguments, 2))));
  if (command == "exit") return static_cast<int>(number(arguments, 2));
  return report(arguments);
}
