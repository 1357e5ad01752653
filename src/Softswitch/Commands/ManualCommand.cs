using System.CommandLine;
using System.Globalization;
using Softswitch.Hosting;
using Softswitch.Manual;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Commands;

/// <summary><c>softswitch manual</c>, for whoever makes a package: the manual's pages and bash's completion, from the commands themselves.</summary>
internal static class ManualCommand
{
    public static Command Create()
    {
        Argument<string> folder = new("folder") { HelpName = "FOLDER", Description = "Where to; it has to exist." };
        Command command = new("manual", "Write the pages of the manual and the completion for bash.") { folder };
        command.Hidden = true;
        command.SetAction(parsed => Write(parsed.GetRequiredValue(folder)));
        return command;
    }

    private static void Write(string folder)
    {
        RootCommand root = CommandLine.CreateRoot();
        try
        {
            File.WriteAllText(Path.Combine(folder, "softswitch.bash"), BashCompletion.Of(root));
            File.WriteAllText(Path.Combine(folder, "softswitch.1"), ManualPage.OfProgram(root, Date(), AgentOptions.ProgramVersion));
            foreach (Command command in CommandTree.SubcommandsOf(root))
            {
                File.WriteAllText(Path.Combine(folder, $"{ManualPage.NameOf(command)}.1"), ManualPage.OfCommand(command, Date(), AgentOptions.ProgramVersion));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionException(e.Message, e);
        }
    }

    /// <summary>That of the source where it is known, so that the same source makes the same pages (reproducible-builds.org).</summary>
    private static string Date()
    {
        bool isKnown = long.TryParse(Environment.GetEnvironmentVariable("SOURCE_DATE_EPOCH"), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds);
        DateTimeOffset date = isKnown ? DateTimeOffset.FromUnixTimeSeconds(seconds) : DateTimeOffset.UtcNow;
        return date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }
}
