#include "client/cli/commands.h"

namespace weft::cli {

void AddAllCommands(CommandTree& tree) {
  AddMountCommand(tree);
  AddUnmountCommand(tree);
  AddStatusCommand(tree);
  AddNodeCommands(tree);
  AddTargetCommands(tree);
  AddDfCommand(tree);
  AddInfoCommand(tree);
  AddLayoutCommands(tree);
  AddLocksCommand(tree);
  AddQuotaCommands(tree);
  AddBenchCommand(tree);
  AddCompletionCommands(tree);
}

}  // namespace weft::cli
