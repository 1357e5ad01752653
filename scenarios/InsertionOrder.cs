using Softswitch.Hosting.Configuration;

namespace Softswitch.Scenarios;

/// <summary>In which order switches get the entries of a move: <c>order</c>, in the same words wherever there is one.</summary>
internal static class InsertionOrder
{
    public const string Together = "together";
    public const string OneByOne = "one-by-one";
    public const string OldFirst = "old-first";
    public const string NewLast = "new-last";
    public const string GatewaysFirst = "gateways-first";

    private static readonly Dictionary<string, string> Meanings = new()
    {
        [Together] = "all at once",
        [OneByOne] = "a switch at a time",
        [OldFirst] = "the place left, then the others",
        [NewLast] = "the new place after the others: break before make",
        [GatewaysFirst] = "gateways, then the switches that send to them",
    };

    /// <param name="words">Of those above; the first is the value without <c>--set</c>.</param>
    public static Parameter<string> CreateParameter(params string[] words) => Parameter.Word(
        "order",
        "in which order switches get a move's entries, each step when the one before is confirmed: "
        + string.Join(", ", words.Select(word => $"{word} ({Meanings[word]})")),
        words);

    /// <summary>Refuses an order that nothing can keep.</summary>
    /// <exception cref="OptionException">It names the keys and the reason.</exception>
    public static void Check(ParameterValues values, Parameter<string> order, Parameter<bool> barriers)
    {
        if (values.Get(order) != Together && !values.Get(barriers))
        {
            throw new OptionException($"{order.Key}: {values.Get(order)} waits for switches to confirm, which takes {barriers.Key}=on");
        }
    }

    /// <summary>The same where the new place may be asked to confirm before all others.</summary>
    /// <exception cref="OptionException">It names the keys and the reason.</exception>
    public static void Check(ParameterValues values, Parameter<string> order, Parameter<bool> barriers, Parameter<bool> makeBeforeBreak)
    {
        Check(values, order, barriers);
        if (values.Get(makeBeforeBreak) && (values.Get(order) != Together || !values.Get(barriers)))
        {
            throw new OptionException($"{makeBeforeBreak.Key}: on goes with {order.Key}={Together} and {barriers.Key}=on");
        }
    }

    /// <summary>Switches in steps, each of which waits for the one before.</summary>
    /// <remarks>In each step the switch at the destination goes first, so that traffic arriving there has rules.</remarks>
    /// <param name="order">All but <see cref="GatewaysFirst"/>.</param>
    /// <param name="makesBeforeBreak">Whether the new place's has a step of its own, before the others.</param>
    public static IEnumerable<T[]> Split<T>(
        IEnumerable<T> switches, string order, bool makesBeforeBreak, Func<T, bool> isNew, Func<T, bool> isOld)
    {
        return switches.OrderBy(one => !isNew(one)).Select((one, place) => (Switch: one, Step: StepOf(one, place)))
            .GroupBy(one => one.Step, one => one.Switch).OrderBy(step => step.Key).Select(step => step.ToArray());

        int StepOf(T one, int place) => order switch
        {
            OneByOne => place,
            OldFirst => isOld(one) ? 0 : 1,
            NewLast => isNew(one) ? 1 : 0,
            _ => makesBeforeBreak && !isNew(one) ? 1 : 0,
        };
    }
}
