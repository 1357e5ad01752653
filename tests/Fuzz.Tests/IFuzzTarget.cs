namespace Softswitch.Fuzz.Tests;

/// <summary>A part of the switch that takes bytes from others, and what must hold whatever they are.</summary>
internal interface IFuzzTarget
{
    /// <summary>Also the folder of its regressions.</summary>
    string Name { get; }

    /// <summary>Whether inputs are UTF-8 text; they are kept in files as they are then, else in hexadecimal.</summary>
    bool IsText => false;

    /// <summary>Makes up an input: of valid pieces mostly, some of them damaged. The same for the same <paramref name="random"/>.</summary>
    byte[] Generate(Random random);

    /// <summary>The pieces that an input consists of; leaving some out gives an input, too.</summary>
    IReadOnlyList<byte[]> Split(byte[] input) => [.. input.Select(b => new[] { b })];

    /// <summary>Gives the input to what is tested, fresh for each call, and throws if something does not hold then.</summary>
    void Check(byte[] input);
}
