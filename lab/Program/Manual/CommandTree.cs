using System.CommandLine;
using System.CommandLine.Help;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Softswitch.Lab.Manual;

/// <summary>The commands as manual and completion show them: hidden ones are left out, and an option is where it can be given.</summary>
internal static partial class CommandTree
{
    public static IEnumerable<Command> SubcommandsOf(Command command) => command.Subcommands.Where(one => !one.Hidden);

    /// <summary>The command and all below it, each before those below, with the words that lead to it; none for the first.</summary>
    public static IEnumerable<(string[] Path, Command Command)> Walk(Command command, params string[] path) =>
        SubcommandsOf(command).SelectMany(one => Walk(one, [.. path, one.Name])).Prepend((path, command));

    /// <summary>Its own; not those of the commands above.</summary>
    public static IEnumerable<Option> OptionsOf(Command command) =>
        command.Options.Where(option => !option.Hidden && option is not HelpOption and not VersionOption);

    /// <summary>Its own, and those of the commands above that hold for it, too.</summary>
    public static IEnumerable<Option> AllOptionsOf(Command command) =>
        OptionsOf(command).Concat(command.Parents.OfType<Command>().SelectMany(AllOptionsOf).Where(option => option.Recursive)).Distinct();

    /// <summary>Every way to write it, the short ones first.</summary>
    public static IEnumerable<string> NamesOf(Option option) => option.Aliases.Append(option.Name).OrderBy(name => name.Length);

    /// <summary>What its value looks like; null if it takes none.</summary>
    public static string? ValueOf(Option option) =>
        option.Arity.MaximumNumberOfValues == 0 || option.ValueType == typeof(bool) ? null : option.HelpName ?? option.Name.TrimStart('-').ToUpperInvariant();

    public static string NameOf(Argument argument) => argument.HelpName ?? argument.Name.ToUpperInvariant();

    /// <summary>With a full stop at its end, and what holds where it is not given.</summary>
    public static string DescriptionOf(Option option)
    {
        string? otherwise = option.HasDefaultValue ? Convert.ToString(option.GetDefaultValue(), CultureInfo.InvariantCulture) : null;
        return Sentence(option.Description) + (ValueOf(option) == null || string.IsNullOrEmpty(otherwise) ? string.Empty : $" Default: {otherwise}.");
    }

    /// <summary>A description as a sentence.</summary>
    public static string Sentence(string? text) => string.IsNullOrEmpty(text) ? string.Empty : $"{(BeginsWithWord(text) ? char.ToUpperInvariant(text[0]) : text[0])}{text[1..].TrimEnd('.')}.";

    /// <summary>A description as what follows a name and a dash.</summary>
    public static string Phrase(string? text) =>
        string.IsNullOrEmpty(text) ? string.Empty : $"{(BeginsWithWord(text) ? char.ToLowerInvariant(text[0]) : text[0])}{text[1..].TrimEnd('.')}";

    /// <summary>A name such as NetFPGA, and a form such as tcp:HOST, are written as they are.</summary>
    private static bool BeginsWithWord(string text) => text.Split(' ', 2)[0][1..].All(c => char.IsAsciiLetterLower(c) || c is ',' or '.');

    /// <summary>The words of a value that is one of some; none where it is something else.</summary>
    public static string[] WordsOf(string? value) => value != null && Choice().IsMatch(value) ? value.Split('|') : [];

    [GeneratedRegex("^[a-z0-9]+([|][a-z0-9]+)+$")]
    private static partial Regex Choice();
}
