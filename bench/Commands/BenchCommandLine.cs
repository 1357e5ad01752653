using System.CommandLine;
using System.Globalization;
using Softswitch.Bench.Sides;
using Softswitch.Hosting.Configuration;
using Softswitch.Lab.Measures;

namespace Softswitch.Bench.Commands;

/// <summary>What benchmarks' commands share: options, how these are read and checked, and how a command runs its benchmark.</summary>
internal static class BenchCommandLine
{
    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Print one JSON object on one line.",
        Recursive = true,
    };

    /// <summary>A benchmark, with how long it takes in its help.</summary>
    /// <param name="usual">The options' defaults.</param>
    public static Command Benchmark(string name, string description, BenchPlan usual, params IEnumerable<Option> options)
    {
        Command command = new(name, $"{description} Takes {usual.Duration} by default.");
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }
        return command;
    }

    public static void SetAction<TOptions>(
        Command command, Func<ParseResult, TOptions> read, Func<TOptions, Action<string>, CancellationToken, BenchResult> run)
        where TOptions : IBenchOptions =>
        command.SetAction(parsed =>
        {
            try
            {
                TOptions options = read(parsed);
                return BenchRunner.Run(command.Name, parsed.GetValue(Json), options.Plan, (progress, cancellation) => run(options, progress, cancellation));
            }
            catch (NotInstalledException e)
            {
                return BenchRunner.SayMissing(command.Name, e);
            }
        });

    /// <summary>The option by which Open vSwitch is measured too.</summary>
    public static Option<bool> Comparison(string how) => new("--compare") { Description = how };

    /// <param name="needsDpdk">Whether it is to be built with DPDK.</param>
    public static Option<string?> OvsVswitchd(bool needsDpdk) => new("--ovs-vswitchd")
    {
        HelpName = "PATH",
        Description = $"Open vSwitch's program{(needsDpdk ? ", built with DPDK" : string.Empty)}; by default Debian's, then what PATH leads to.",
    };

    /// <summary>Open vSwitch, where it is asked for.</summary>
    /// <exception cref="NotInstalledException">It is not there.</exception>
    public static OvsInstallation? FindOvs(bool isWanted, string? path, bool needsDpdk) =>
        !isWanted ? null
        : OvsInstallation.Find(path, needsDpdk, out IReadOnlyList<string> missing)
            ?? throw (needsDpdk
                ? new NotInstalledException(missing, "Open vSwitch with DPDK", OvsInstallation.DpdkInstallLine)
                : new NotInstalledException(missing, "Open vSwitch", OvsInstallation.PlainInstallLine));

    public static Option<int> Number(string name, string description, int value) =>
        new(name) { HelpName = "N", Description = description, DefaultValueFactory = _ => value };

    public static Option<double> Seconds(double value, string description = "How long to measure, after the warm-up.") =>
        new("--seconds") { HelpName = "S", Description = description, DefaultValueFactory = _ => value };

    public static Option<bool> NoHuge() => new("--no-huge") { Description = "Without huge pages. Else as many as are needed are reserved, and given back." };

    public static Option<bool> RealTime() => new("--real-time")
    {
        Description = "Guest and switch run ahead of everything else while they are measured, as on a machine that nobody else uses.",
    };

    public static Option<string?> Rows(IEnumerable<string> names) =>
        new("--rows") { HelpName = "NAME,...", Description = $"Rows to measure, of {string.Join(", ", names)}." };

    public static Option<double> Rate(string description, double value) =>
        new("--rate") { HelpName = "PER_SECOND", Description = description, DefaultValueFactory = _ => value };

    public static Option<string> Kind() => Word(
        "--kind", "Add and delete other exact or wildcard entries; modify or replace those of the traffic.", "exact", "wildcard", "modify", "replace");

    /// <exception cref="OptionException">It is given, and one of the others too.</exception>
    public static string? WithoutAny(Option option, string? value, ParseResult parsed, params Option[] others) =>
        value != null && others.FirstOrDefault(other => parsed.GetResult(other) is { Implicit: false }) is { } other
            ? throw new OptionException($"{option.Name}: cannot be combined with {other.Name}")
            : value;

    public static double ReadRate(Option option, string text) => text == "max"
        ? double.PositiveInfinity
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double rate)
            ? InRange(option, rate, 1, 1e9)
            : throw new OptionException($"{option.Name}: '{text}' is neither a number nor max");

    public static Option<string> Word(string name, string description, params string[] words)
    {
        Option<string> option = new(name) { Description = description, DefaultValueFactory = _ => words[0] };
        option.AcceptOnlyFromAmong(words);
        return option;
    }

    public static T InRange<T>(Option option, T value, T least, T most)
        where T : IComparable<T> =>
        value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw new OptionException($"{option.Name}: {value} is not from {least} to {most}");

    public static Option<string?> State() => new("--state") { HelpName = "DIR", Description = "Keep a journal of the tables in a new folder there, as run --state does." };
}
