using System.CommandLine;
using System.Globalization;
using System.Text;

namespace Softswitch.Lab.Manual;

/// <summary>A page of the manual, as man(7) wants it.</summary>
internal sealed class ManualPage
{
    private const string Program = "softswitch";

    private readonly StringBuilder _text = new();

    private ManualPage(string title, string date, string version) =>
        _text.Append(CultureInfo.InvariantCulture, $".TH {Quote(title.ToUpperInvariant())} 1 {date} {Quote($"{Program} {version}")} \"User Commands\"\n");

    /// <summary>The name of a command's page: <c>softswitch-run</c>.</summary>
    public static string NameOf(Command command) => !command.Parents.Any() ? Program : $"{Program}-{command.Name}";

    /// <summary>Of the program: its commands, and what they have in common.</summary>
    /// <param name="date">As <c>2026-01-31</c>.</param>
    public static string OfProgram(Command root, string date, string version)
    {
        ManualPage page = new(Program, date, version);
        page.Section("NAME", $"{Program} \\- {Escape(CommandTree.Phrase(root.Description))}");
        page.Synopsis(Program, "[OPTION...]", "COMMAND", "[ARGUMENT...]");
        page.Section("DESCRIPTION", Escape(CommandTree.Sentence(root.Description)));
        page.Paragraph("\\fBsoftswitch run\\fR is the switch. The other commands ask and tell one that runs, or show and measure what it does.");
        page.Section("COMMANDS");
        foreach (Command command in CommandTree.SubcommandsOf(root))
        {
            page.Item($"\\fB{Escape(NameOf(command))}\\fR(1)", CommandTree.Sentence(command.Description));
        }
        page.Options(CommandTree.OptionsOf(root));
        page.Item("\\fB\\-h\\fR, \\fB\\-\\-help\\fR", "Show the help of the program, or of a command.");
        page.Item("\\fB\\-\\-version\\fR", "Show the version.");
        foreach (string part in ManualText.OfProgram)
        {
            page.Add(part);
        }
        return page.End([.. CommandTree.SubcommandsOf(root).Select(NameOf)]);
    }

    /// <summary>Of a command, with those below it.</summary>
    /// <param name="date">As <c>2026-01-31</c>.</param>
    public static string OfCommand(Command command, string date, string version)
    {
        ManualPage page = new(NameOf(command), date, version);
        page.Section("NAME", $"{Escape(NameOf(command))} \\- {Escape(CommandTree.Phrase(command.Description))}");
        page.Synopsis(command);
        page.Section("DESCRIPTION", Escape(CommandTree.Sentence(command.Description)));
        page.Arguments(command.Arguments);
        if (CommandTree.SubcommandsOf(command).Any())
        {
            page.Section("COMMANDS");
            foreach ((string[] path, Command below) in CommandTree.Walk(command).Skip(1))
            {
                string arguments = string.Concat(below.Arguments.Select(argument => $" \\fI{Escape(CommandTree.NameOf(argument))}\\fR"));
                page.Item($"\\fB{Escape(string.Join(' ', path))}\\fR{arguments}", CommandTree.Sentence(below.Description));
                page.Nested(below);
            }
        }
        page.Options(CommandTree.AllOptionsOf(command));
        foreach (string part in ManualText.Of(command.Name))
        {
            page.Add(part);
        }
        return page.End([Program]);
    }

    private void Synopsis(Command command)
    {
        IEnumerable<string> tail = CommandTree.SubcommandsOf(command).Any() ? ["COMMAND", "[ARGUMENT...]"]
            : command.Arguments.Select(argument => argument.Arity.MinimumNumberOfValues == 0 ? $"[{CommandTree.NameOf(argument)}]" : CommandTree.NameOf(argument));
        Synopsis($"{Program} {command.Name}", ["[OPTION...]", .. tail]);
    }

    private void Synopsis(string bold, params string[] rest) =>
        Section("SYNOPSIS", $"\\fB{Escape(bold)}\\fR {string.Join(' ', rest.Select(word => $"\\fI{Escape(word)}\\fR"))}");

    private void Arguments(IEnumerable<Argument> arguments)
    {
        foreach (Argument argument in arguments.Where(argument => !string.IsNullOrEmpty(argument.Description)))
        {
            Item($"\\fI{Escape(CommandTree.NameOf(argument))}\\fR", CommandTree.Sentence(argument.Description));
        }
    }

    private void Options(IEnumerable<Option> options)
    {
        Section("OPTIONS");
        foreach (Option option in options)
        {
            Item(Usage(option), CommandTree.DescriptionOf(option));
        }
    }

    private void Nested(Command command)
    {
        Argument[] arguments = [.. command.Arguments.Where(argument => !string.IsNullOrEmpty(argument.Description))];
        Option[] options = [.. CommandTree.OptionsOf(command)];
        if (arguments.Length + options.Length > 0)
        {
            _text.Append(".RS\n");
            Arguments(arguments);
            foreach (Option option in options)
            {
                Item(Usage(option), CommandTree.DescriptionOf(option));
            }
            _text.Append(".RE\n");
        }
    }

    private static string Usage(Option option)
    {
        string value = CommandTree.ValueOf(option) is { } form ? $" \\fI{Escape(form)}\\fR" : string.Empty;
        return string.Join(", ", CommandTree.NamesOf(option).Select(name => $"\\fB{Escape(name)}\\fR")) + value;
    }

    /// <summary>Of <see cref="ManualText"/>: as it is.</summary>
    private void Add(string part) => _text.Append(part).Append('\n');

    private void Section(string title, string? text = null)
    {
        _text.Append(CultureInfo.InvariantCulture, $".SH {title}\n");
        if (text != null)
        {
            Line(text);
        }
    }

    private void Paragraph(string text)
    {
        _text.Append(".PP\n");
        Line(text);
    }

    private void Item(string tag, string text)
    {
        _text.Append(".TP\n");
        Line(tag);
        Line(Escape(text));
    }

    /// <param name="text">A line that does not begin like a request.</param>
    private void Line(string text) => _text.Append(text.StartsWith('.') || text.StartsWith('\'') ? $"\\&{text}" : text).Append('\n');

    private string End(IReadOnlyList<string> others)
    {
        Section("SEE ALSO", string.Join(",\n", others.Select(other => $"\\fB{Escape(other)}\\fR(1)")));
        return _text.ToString();
    }

    /// <summary>Text as it is, in one line.</summary>
    public static string Escape(string text) => text.Replace("\\", "\\e", StringComparison.Ordinal).Replace("-", "\\-", StringComparison.Ordinal)
        .Replace("'", "\\(aq", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static string Quote(string text) => $"\"{Escape(text)}\"";
}
