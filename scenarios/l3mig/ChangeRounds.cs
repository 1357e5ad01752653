
namespace Softswitch.Scenarios.L3Mig;

/// <summary>Changes of entries in rounds, each of which waits for the one before.</summary>
internal static class ChangeRounds
{
    /// <remarks>Gateways come first: what a virtual switch sends them then has its entry.</remarks>
    /// <param name="order">One of <see cref="InsertionOrder"/>.</param>
    /// <param name="switchOf">The datapath id of a change's switch.</param>
    public static IEnumerable<IReadOnlyList<T>> Split<T>(
        IEnumerable<T> changes, string order, Func<T, ulong> switchOf, Func<ulong, bool> isGateway)
    {
        IEnumerable<IGrouping<(int, ulong), T>> groups = order switch
        {
            InsertionOrder.GatewaysFirst => changes.GroupBy(change => (isGateway(switchOf(change)) ? 0 : 1, 0UL)),
            InsertionOrder.OneByOne => changes.GroupBy(change => (isGateway(switchOf(change)) ? 0 : 1, switchOf(change))),
            _ => changes.GroupBy(_ => (0, 0UL)),
        };
        return groups.OrderBy(group => group.Key).Select(group => (IReadOnlyList<T>)[.. group]);
    }
}
