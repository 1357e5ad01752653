using System.CommandLine;
using System.Globalization;
using Softswitch.Commands;
using Softswitch.Hosting.Configuration;
using Softswitch.OfAgent.Agent;

namespace Softswitch.Lab.Manual;

/// <summary><c>softswitch manual</c>, for makers of packages: the manual's pages and bash's completion, from the commands themselves.</summary>
internal static class ManualCommand
{
    /// <param name="laboratory">The laboratory's commands, as of <see cref="CommandLine.Run"/>.</param>
    public static Command Create(IReadOnlyDictionary<string, Func<Command>> laboratory)
    {
        Argument<string> folder = new("folder") { HelpName = "FOLDER", Description = "Where to; it has to exist." };
        Argument<string> documents = new("documents") { HelpName = "DOCS", Description = "The folder of the documents that pages are made of." };
        Command command = new("manual") { folder, documents };
        command.SetAction(parsed => Write(CommandLine.CreateRoot(laboratory), parsed.GetRequiredValue(folder), parsed.GetRequiredValue(documents)));
        return command;
    }

    private static void Write(Command root, string folder, string documents)
    {
        try
        {
            File.WriteAllText(Path.Combine(folder, "softswitch.bash"), BashCompletion.Of(root));
            File.WriteAllText(Path.Combine(folder, "softswitch.1"), ManualPage.OfProgram(root, Date(), AgentOptions.ProgramVersion));
            foreach (Command command in CommandTree.SubcommandsOf(root))
            {
                File.WriteAllText(Path.Combine(folder, $"{ManualPage.NameOf(command)}.1"), ManualPage.OfCommand(command, Date(), AgentOptions.ProgramVersion));
            }
            Write(
                "softswitch.yaml", 5, "the configuration file of softswitch run", Lines("configuration"),
                "softswitch-run(1)", "softswitch-reload(1)", "softswitch-ports(7)");
            Write(
                "softswitch-ports", 7, "ports of softswitch: kinds, options, and which one when",
                [.. SectionOf(Lines("run"), "Ports"), .. Lines("ports")],
                "softswitch-run(1)", "softswitch-port(1)", "softswitch.yaml(5)", "softswitch-drops(7)");
            Write(
                "softswitch-drops", 7, "where packets end in softswitch, why, and what to do about it", Lines("drops"),
                "softswitch-drops(1)", "softswitch-trace(1)");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionException(e.Message, e);
        }

        string[] Lines(string document) => File.ReadAllLines(Path.Combine(documents, $"{document}.md"));

        void Write(string name, int section, string line, IEnumerable<string> document, params IEnumerable<string> others)
        {
            string page = DocumentPage.Of(name, section, line, Date(), AgentOptions.ProgramVersion, document, others);
            File.WriteAllText(Path.Combine(folder, $"{name}.{section}"), page);
        }
    }

    /// <summary>What stands below a heading, up to the next.</summary>
    private static IEnumerable<string> SectionOf(IEnumerable<string> document, string heading) =>
        document.SkipWhile(line => line != $"## {heading}").Skip(1).TakeWhile(line => !line.StartsWith("## ", StringComparison.Ordinal));

    /// <summary>That of the source where it is known, so that the same source makes the same pages (reproducible-builds.org).</summary>
    private static string Date()
    {
        bool isKnown = long.TryParse(Environment.GetEnvironmentVariable("SOURCE_DATE_EPOCH"), NumberStyles.None, CultureInfo.InvariantCulture, out long seconds);
        DateTimeOffset date = isKnown ? DateTimeOffset.FromUnixTimeSeconds(seconds) : DateTimeOffset.UtcNow;
        return date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
    }
}
