// The answer of a sandboxed child: records of text in a memory file, read after it has ended. What is read is
// as hostile as what the child parsed: counted, cut and checked.
#pragma once

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace image {

// An empty memory file (memfd_create(2)) for a child's answer.
Result<Fd> make_report();

// In the child. A success has any number of records (no NUL bytes in them), a failure its error.
Result<void> write_report(int fd, const std::vector<std::string>& records);
void write_failure(int fd, const Error& error);

// In the parent: the records, or the child's error; kCorrupt when the child ended without an answer.
Result<std::vector<std::string>> read_report(int fd);

}  // namespace image
