// Taking back what a plan left on the host, by whoever comes: the launcher after an error, the monitor after
// the end, the next command after a kill.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/step.h"

namespace runtime {

// What a plan may leave on the host, last step first.
std::vector<Undo> undo_list(const Plan& plan);

// Undoes the entries in order; goes on after an error and returns the first one. What is not there is no
// error. Kinds "cgroup", "directory" and "file" are known here; `more` is asked first, so that engine can add
// its own kinds: it returns false for a kind that it does not know. kCorrupt for a kind that nobody knows.
using UndoHandler = std::function<bool(const Undo&, Result<void>&)>;
Result<void> undo_all(const std::vector<Undo>& entries, const UndoHandler& more = nullptr);

// Undoes what a container without processes has of cgroups: whoever is in there is another container's, which
// was given the same path, and keeps its group in all hierarchies.
class UnusedGroups {
 public:
  // For undo_all(): the kinds "cgroup" and "scope".
  bool undo(const Undo& entry, Result<void>& result);
  // True when something stays.
  bool are_anothers() const { return are_anothers_; }

 private:
  bool are_anothers_ = false;
};

// The journal: the undo list of a plan, on disk before its first step. docs/state-files.md, journal.json.
Result<void> write_journal(const std::string& path, const std::vector<Undo>& entries);
// Empty if there is none; kCorrupt if it can't be read.
Result<std::vector<Undo>> read_journal(const std::string& path);

}  // namespace runtime
