namespace Softswitch.Scenarios.L3Mig;

/// <summary>In which order the switches are told of changed entries.</summary>
internal static class InsertionOrder
{
    public const string AtOnce = "at-once";
    public const string GatewaysFirst = "gateways-first";
    public const string SwitchBySwitch = "switch-by-switch";

    public static IReadOnlyList<string> Words { get; } = [AtOnce, GatewaysFirst, SwitchBySwitch];

    /// <summary>Splits changes into rounds, each of which waits for the one before.</summary>
    /// <remarks>Gateways come first: what a virtual switch sends them then has its entry.</remarks>
    /// <param name="order">One of <see cref="Words"/>.</param>
    /// <param name="switchOf">The datapath id of a change's switch.</param>
    public static IEnumerable<IReadOnlyList<T>> Split<T>(
        IEnumerable<T> changes, string order, Func<T, ulong> switchOf, Func<ulong, bool> isGateway)
    {
        IEnumerable<IGrouping<(int, ulong), T>> groups = order switch
        {
            GatewaysFirst => changes.GroupBy(change => (isGateway(switchOf(change)) ? 0 : 1, 0UL)),
            SwitchBySwitch => changes.GroupBy(change => (isGateway(switchOf(change)) ? 0 : 1, switchOf(change))),
            _ => changes.GroupBy(_ => (0, 0UL)),
        };
        return groups.OrderBy(group => group.Key).Select(group => (IReadOnlyList<T>)[.. group]);
    }
}
