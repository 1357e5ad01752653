using System.Buffers.Binary;
using Softswitch.OfAgent.Tests.Wire;
using Softswitch.OfAgent.Wire;

namespace Softswitch.OfAgent.Tests.Agent;

/// <summary>A peer that sends rubbish in well-framed messages: it gets answers, and the switch lives on.</summary>
public sealed class HostilePeerTests
{
    private const int Seed = 4711;

    [Fact]
    public void Mutated_messages_are_answered_and_nothing_breaks()
    {
        const int perBarrier = 200;
        Random random = new(Seed);
        MessageCase[] all = [.. MessageFiles.All];
        using AgentHarness harness = new();
        using RawController peer = harness.Connect();
        for (int round = 0; round < 100; round++)
        {
            peer.Send(buffer =>
            {
                for (int i = 0; i < perBarrier; i++)
                {
                    buffer.Append(Mutate(all[random.Next(all.Length)].Bytes, random));
                }
            });
            peer.Barrier((uint)(0xffff0000 + round));
        }

        Assert.True(Assert.Single(harness.Agent.ReadConnections()).IsConnected, $"seed {Seed}");
        using RawController other = harness.Connect();
        Assert.Empty(other.Barrier());
    }

    /// <summary>Changes anything but what keeps the framing: the length field says how long it is.</summary>
    private static byte[] Mutate(byte[] original, Random random)
    {
        byte[] bytes = original[..random.Next(OfHeader.Size, original.Length + 1)];
        for (int change = random.Next(4); change > 0; change--)
        {
            bytes[random.Next(bytes.Length)] = random.Next(3) switch { 0 => 0, 1 => 0xff, _ => (byte)random.Next(256) };
        }
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(2), (ushort)bytes.Length);
        return bytes;
    }
}
