using System.Globalization;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Scenarios;

/// <summary>Something of a scenario that can be varied.</summary>
/// <param name="key">As on the command line: lower case, words joined by hyphens.</param>
/// <param name="unit">Of its values, as a column's name ends: pps, bytes, ms, mbit_per_s; empty for counts and words.</param>
/// <param name="what">What it is, in a line for people.</param>
/// <param name="allowed">What its values may be, in words.</param>
internal abstract class Parameter(string key, string unit, string what, string allowed)
{
    public string Key => key;

    public string Unit => unit;

    public string What => what;

    public string Allowed => allowed;

    /// <summary>What the paper has, in words; null if it says nothing of it.</summary>
    public string? Paper { get; init; }

    /// <summary>Its name in tables for programs.</summary>
    public string Column => (unit.Length == 0 ? key : $"{key}_{unit}").Replace('-', '_');

    /// <summary>Whether its values are numbers, so that something can be drawn over them.</summary>
    public abstract bool IsNumber { get; }

    /// <summary>The value without <c>--set</c>, as text.</summary>
    public abstract string TextOf(ScenarioOptions options);

    /// <summary>Reads a value.</summary>
    /// <exception cref="OptionException">It is not allowed; the message names key, value and what is.</exception>
    public abstract object Parse(string text);

    /// <summary>A value's one spelling.</summary>
    public abstract string Format(object? value);

    /// <summary>A count.</summary>
    /// <param name="value">Without <c>--set</c>.</param>
    /// <param name="small">The same with <c>--small</c>; null for no difference.</param>
    /// <param name="guest">The same with <c>--vm</c>; null for no difference.</param>
    public static Parameter<int> Whole(string key, string what, int value, int from, int to, string unit = "", int? small = null, int? guest = null, string? paper = null) =>
        new(key, unit, what, $"a whole number, {from} to {to}", value, text => TryWhole(text, from, to))
        {
            Small = Of(small),
            Guest = Of(guest),
            Paper = paper,
        };

    /// <summary>A quantity.</summary>
    public static Parameter<double> Number(
        string key, string unit, string what, double value, double from, double to, double? small = null, double? guest = null, string? paper = null) =>
        new(key, unit, what, string.Create(CultureInfo.InvariantCulture, $"a number, {from} to {to}"), value, text => TryNumber(text, from, to))
        {
            Small = Of(small),
            Guest = Of(guest),
            Paper = paper,
        };

    /// <summary>A quantity that the scenario finds itself unless it is said; null is <c>auto</c>.</summary>
    /// <param name="automatic">What it does by itself, in words.</param>
    public static Parameter<double?> NumberOrAuto(string key, string unit, string what, string automatic, double from, double to, string? paper = null) =>
        new(key, unit, what, string.Create(CultureInfo.InvariantCulture, $"a number, {from} to {to}, or {Automatic}: {automatic}"), null, text =>
            text == Automatic ? new Parsed<double?>(null) : TryNumber(text, from, to) is { } number ? new Parsed<double?>(number.Value) : null)
        {
            Paper = paper,
        };

    /// <summary>On or off.</summary>
    public static Parameter<bool> Flag(string key, string what, bool value, bool? small = null, string? paper = null) =>
        new(key, string.Empty, what, "on, off", value, text => text switch
        {
            "on" => new Parsed<bool>(true),
            "off" => new Parsed<bool>(false),
            _ => null,
        })
        {
            Small = Of(small),
            Paper = paper,
        };

    /// <summary>One of several words.</summary>
    /// <param name="words">The first is the value without <c>--set</c>.</param>
    public static Parameter<string> Word(string key, string what, IReadOnlyList<string> words, string? paper = null) =>
        new(key, string.Empty, what, string.Join(", ", words), words[0], text => words.Contains(text) ? new Parsed<string>(text) : null) { Paper = paper };

    protected const string Automatic = "auto";

    private static Parsed<T>? Of<T>(T? value)
        where T : struct => value is { } one ? new Parsed<T>(one) : null;

    private static Parsed<int>? TryWhole(string text, int from, int to) =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int value) && value >= from && value <= to ? new Parsed<int>(value) : null;

    private static Parsed<double>? TryNumber(string text, double from, double to) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= from && value <= to ? new Parsed<double>(value) : null;
}

/// <summary>A value that was read; null may be one.</summary>
internal sealed record Parsed<T>(T Value);

/// <inheritdoc cref="Parameter"/>
/// <param name="value">Without <c>--set</c>.</param>
/// <param name="parse">Null for what is not allowed.</param>
internal sealed class Parameter<T>(string key, string unit, string what, string allowed, T value, Func<string, Parsed<T>?> parse) : Parameter(key, unit, what, allowed)
{
    /// <summary>The value with <c>--small</c>; null for no difference.</summary>
    public Parsed<T>? Small { get; init; }

    /// <summary>The value with <c>--vm</c>; null for no difference.</summary>
    public Parsed<T>? Guest { get; init; }

    public override bool IsNumber => typeof(T) == typeof(int) || typeof(T) == typeof(double) || typeof(T) == typeof(double?);

    /// <summary>The value without <c>--set</c>.</summary>
    public T ValueOf(ScenarioOptions options) => ((options.UsesGuests ? Guest : null) ?? (options.Small ? Small : null) ?? new Parsed<T>(value)).Value;

    public override string TextOf(ScenarioOptions options) => Format(ValueOf(options));

    public override object Parse(string text) => (parse(text) ?? throw new OptionException($"{Key}: '{text}' is not allowed; it is {Allowed}")).Value!;

    public override string Format(object? value) => value switch
    {
        null => Automatic,
        bool isOn => isOn ? "on" : "off",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"{value}",
    };
}
