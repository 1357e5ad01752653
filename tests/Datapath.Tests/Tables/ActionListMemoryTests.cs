using Softswitch.Datapath.Flows;
using Softswitch.Datapath.Headers;
using Softswitch.Datapath.Memory;
using Softswitch.Datapath.Tables;

namespace Softswitch.Datapath.Tests.Tables;

[Trait("HardwarePaths", "ActionListMemory")]
public sealed class ActionListMemoryTests : IDisposable
{
    private const int Lists = 1 << 16;

    // xxHash32's first two primes, and the inverse of the second modulo 2^32.
    private const uint Prime1 = 2654435761;
    private const uint Prime2Inverse = 0xb6c9_2f47;

    private readonly GracePeriod _grace = new(workers: 1);
    private readonly ActionListMemory _sut;

    public ActionListMemoryTests() => _sut = new ActionListMemory(_grace, FlowHash.Create(0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89), limit: 0);

    /// <summary>The kinds of actions that leave a controller 32 or more bits to choose.</summary>
    public static TheoryData<ActionKind> FreeKinds => [ActionKind.SetNwSrc, ActionKind.SetDlSrc, ActionKind.Enqueue, ActionKind.SetTunnel];

    [Fact]
    public void Lists_made_to_collide_whatever_the_seed_of_a_weak_hash_hash_apart()
    {
        // Sixteen pairs of addresses. In each, changing the first one's top bit moves the state of xxHash32 by one of two amounts
        // before the second comes, which undoes one of them: every other pair is free to choose under every seed.
        FlowAction[] list = new FlowAction[33];
        list[^1] = FlowAction.Output(1);
        AssertSpread(number =>
        {
            for (int pair = 0; pair < 16; pair++)
            {
                uint chosen = ((uint)number >> pair) & 1;
                list[2 * pair] = FlowAction.SetNwSrc((chosen << 31) | (uint)pair);
                list[(2 * pair) + 1] = FlowAction.SetNwSrc(chosen * unchecked(0u - ((Prime1 << 12) * Prime2Inverse)));
            }
            return list;
        });
    }

    [Theory]
    [MemberData(nameof(FreeKinds))]
    public void Lists_that_differ_in_few_bits_of_two_actions_hash_apart(ActionKind kind)
    {
        for (int shift = 0; shift <= 24; shift += 8)
        {
            AssertSpread(number => [Action(kind, (uint)(number & 0xff) << shift), Action(kind, (uint)(number >> 8) << shift), FlowAction.Output(1)]);
        }
    }

    public void Dispose()
    {
        _sut.Dispose();
        _grace.Dispose();
    }

    private static FlowAction Action(ActionKind kind, uint value) => kind switch
    {
        ActionKind.SetNwSrc => FlowAction.SetNwSrc(value),
        ActionKind.SetDlSrc => FlowAction.SetDlSrc(new MacAddress(value)),
        ActionKind.Enqueue => FlowAction.Enqueue(1, value),
        _ => FlowAction.SetTunnel(value),
    };

    /// <summary>No more lists share a hash than chance has it: of 65,536 and 2^32 hashes one pair in two runs.</summary>
    private void AssertSpread(Func<int, FlowAction[]> listOf)
    {
        Dictionary<int, int> chains = [];
        for (int number = 0; number < Lists; number++)
        {
            int hash = _sut.HashOf(listOf(number));
            chains[hash] = chains.GetValueOrDefault(hash) + 1;
        }
        Assert.True(chains.Count > Lists - 8, $"{chains.Count} hashes of {Lists} lists");
        Assert.InRange(chains.Values.Max(), 1, 3);
    }
}
