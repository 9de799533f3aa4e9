#include "runtime/spec_write.h"

namespace runtime {
namespace {

Json write_argument(const security::SeccompArgument& argument) {
  return {{"index", argument.index},
          {"value", argument.value},
          {"valueTwo", argument.value_two},
          {"op", argument.op}};
}

Json write_rule(const security::SeccompRule& rule) {
  Json object = {{"names", rule.names}, {"action", rule.action}};
  put(object, "errnoRet", rule.errno_return);
  put(object, "args", write_list(rule.arguments, write_argument));
  return object;
}

}  // namespace

Json write_seccomp(const security::SeccompFilterSpec& filter) {
  Json object = {{"defaultAction", filter.default_action}};
  put(object, "defaultErrnoRet", filter.default_errno_return);
  put(object, "architectures", filter.architectures);
  put(object, "flags", filter.flags);
  put(object, "syscalls", write_list(filter.rules, write_rule));
  put(object, "listenerPath", filter.listener_path);
  put(object, "listenerMetadata", filter.listener_metadata);
  return object;
}

}  // namespace runtime
