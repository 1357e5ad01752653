using System.Numerics;

namespace Softswitch.OfAgent.Wire;

/// <summary>The versions of OpenFlow that a peer offers in its HELLO.</summary>
/// <param name="Bitmap">Bit n stands for version n of the wire.</param>
/// <param name="IsCertain">Whether the peer named each; else the highest only, and that it speaks a lower one is a guess (§5.5.1).</param>
internal readonly record struct OfVersions(uint Bitmap, bool IsCertain = true)
{
    private const int Highest = 31;

    /// <summary>Whether OpenFlow 1.0 is among them.</summary>
    public bool Include10 => (Bitmap & (1u << OfHeader.Version10)) != 0;

    /// <summary>The versions of a HELLO that names the highest only. There is no version 0, so a highest version of 0 or 1 is certain.</summary>
    public static OfVersions UpTo(byte version) => version <= OfHeader.Version10
        ? new OfVersions(1u << version)
        : new OfVersions(((uint)(2UL << Math.Min((int)version, Highest)) - 1) & ~1u, IsCertain: false);

    /// <summary>The versions that a message's sender speaks: a HELLO names them, any other message has one.</summary>
    public static OfVersions SpokenIn(ReadOnlySpan<byte> message, OfHeader header) =>
        header.Type == OfType.Hello ? HelloMessage.ReadVersions(message) : new OfVersions(1u << Math.Min((int)header.Version, Highest));

    /// <summary>A version of the wire as people call it.</summary>
    public static string NameOf(int version) => version is >= 1 and <= 6 ? $"OpenFlow 1.{version - 1}" : $"OpenFlow version {version}";

    /// <summary>For people: <c>OpenFlow 1.3 only</c>, <c>OpenFlow 1.2, OpenFlow 1.3 only</c>, <c>up to OpenFlow 1.3</c>.</summary>
    public override string ToString() => IsCertain
        ? $"{string.Join(", ", Enumerable.Range(0, Highest + 1).Where(IsIn).Select(NameOf))} only"
        : $"up to {NameOf(BitOperations.Log2(Bitmap))}";

    private bool IsIn(int version) => ((Bitmap >> version) & 1) != 0;
}
