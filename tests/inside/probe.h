// What runs inside of a container in our tests and says what it finds there, as one line of JSON.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/json.h"

namespace probe {

// "ok" for a result that is not negative, else errno's name ("EPERM").
std::string outcome(long result);

// What the process is and sees: report.cc, surroundings.cc.
void report_identity(Json& out);      // ids, groups, capabilities, seccomp, namespaces, rlimits, scheduling
void report_process(Json& out);       // argv, environment, descriptors, tty, cwd, names
void report_files(Json& out);         // mounts, devices, masked and writable paths
void report_surroundings(Json& out);  // cgroups, network interfaces, clock offsets, keyring

// Attempts, each in a child of its own: name -> what came of it. attacks.cc
Json try_attacks(const std::vector<std::string>& names);
std::vector<std::string> attack_names();

// Loads: the exit code. workloads.cc
int eat_memory(uint64_t megabytes, uint64_t hold_seconds);
int fork_many(uint64_t count);
int burn(double seconds);

}  // namespace probe
