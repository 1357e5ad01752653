using Softswitch.OfAgent.Tests.Wire;
using Softswitch.OfAgent.Text;
using Softswitch.OfAgent.Wire;

namespace Softswitch.Fuzz.Tests.Targets;

/// <summary>One OpenFlow message, in either direction: it is printed, and what decodes is written so that it decodes to the same again.</summary>
internal sealed class MessageTarget : IFuzzTarget
{
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
            Assert.True(Recoding.TryRecode(written, _second), $"decoded, but written again it does not: {Convert.ToHexString(written)}");
            Assert.Equal(Convert.ToHexString(written), Convert.ToHexString(_second.Written));
        }
    }
}
