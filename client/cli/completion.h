// Shell completion, made from the tree of subcommands and options itself. Thread-safe: a function.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace weft::cli {

// A script for bash that completes subcommands and options of `program`, and file names elsewhere.
[[nodiscard]] std::string BashCompletion(const CLI::App& program);

}  // namespace weft::cli
