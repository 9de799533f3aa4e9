// The commands of vial-image. argv[0] is the command's name; the result is the exit code.
#pragma once

#include <string>

namespace cli {

int load_command(const std::string& root, int argc, char** argv);
int import_command(const std::string& root, int argc, char** argv);

std::string printable_word(const char* text);

}  // namespace cli
