// `weft`, also called as mount.weft by mount(8).
#include <iostream>
#include <string_view>

#include "client/cli/command_tree.h"
#include "client/cli/commands.h"
#include "client/cli/mount_helper.h"

int main(int argc, char** argv) {
  if (argc > 0 && weft::cli::IsMountHelper(argv[0])) {
    return weft::cli::MountHelperMain(argc, argv, std::cerr);
  }
  weft::cli::CommandTree tree;
  weft::cli::AddAllCommands(tree);
  return tree.Main(argc, argv, std::cout, std::cerr);
}
