using System.Buffers.Binary;
using Softswitch.Datapath.Flows;
using Softswitch.OfAgent.Tests.Wire;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>One OpenFlow message, in either direction: it is printed, and what decodes is written as long as it came, so that it decodes to the same again.</summary>
internal sealed class MessageTarget : IFuzzTarget
{
    private const int CommandOffset = 56;

    // NXAST_SET_TUNNEL64 up to its padding: with an id of 32 bits it is written as NXAST_SET_TUNNEL, which is shorter.
    private static readonly byte[] LongTunnelId = [0xff, 0xff, 0, 24, 0, 0, 0x23, 0x20, 0, 9];

    private readonly OfBuffer _first = new();
    private readonly OfBuffer _second = new();

    public string Name => "message";

    public byte[] Generate(Random random)
    {
        if (random.Next(8) != 0)
        {
            return MadeUpMessages.Next(random);
        }
        byte[] bytes = new byte[random.Next(OfHeader.Size, 256)];
        random.NextBytes(bytes);
        bytes[0] = OfHeader.Version10;
        bytes[1] = (byte)random.Next(24);
        (bytes[2], bytes[3]) = (0, (byte)bytes.Length);
        return bytes;
    }

    public void Check(byte[] input)
    {
        Assert.NotEmpty(MessageText.Format(input));
        _first.Reset();
        _second.Reset();
        if (input.Length >= OfHeader.Size && Recoding.TryRecode(input, _first))
        {
            byte[] written = _first.Written.ToArray();
            Assert.True(HoldsMore(input) || written.Length == input.Length, $"{input.Length} bytes decoded, but written again there are {written.Length}");
            Assert.True(Recoding.TryRecode(written, _second), $"decoded, but written again it does not: {Convert.ToHexString(written)}");
            Assert.Equal(Convert.ToHexString(written), Convert.ToHexString(_second.Written));
        }
    }

    /// <summary>Whether bytes of the message are not written again: it has no decoder, they are a DELETE's actions, more than 64 bytes of what an error is about, properties of a queue that are not known, or the upper half of a tunnel's id.</summary>
    private static bool HoldsMore(byte[] message) => message.AsSpan().IndexOf(LongTunnelId) >= 0 || (OfType)message[1] switch
    {
        OfType.Hello or OfType.Error or OfType.QueueGetConfigReply or OfType.FeaturesRequest or OfType.GetConfigRequest or OfType.BarrierRequest or OfType.BarrierReply => true,
        OfType.FlowMod => BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(CommandOffset)) is (ushort)FlowModCommand.Delete or (ushort)FlowModCommand.DeleteStrict,
        _ => false,
    };
}
