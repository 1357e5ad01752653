using Softswitch.Bench.Attacks;
using Softswitch.Hosting.Configuration;

namespace Softswitch.Bench.Tests.Attacks;

public sealed class AttackSpecTests
{
    public static TheoryData<string> Texts =>
    [
        .. AttackSpec.Kinds.Select(kind => kind.Kind),
        "random:fields=none,share=0.05,src=0..31,dst=7,values=1048576,spread=0,together=true,wrong=12,wrongin=exact",
        "tuples:matching=1,priorities=falling,order=narrow,peak=16,churn=8,vary=32,stray=0.5",
    ];

    [Theory]
    [MemberData(nameof(Texts))]
    public void An_attack_is_its_text_and_comes_back_from_it(string text)
    {
        AttackSpec spec = AttackSpec.Parse(text);
        Assert.Equal(spec, AttackSpec.Parse($"{spec}"));
        string[] settings = text.Split(':', 2)[1..];
        Assert.All(settings.SelectMany(set => set.Split(',')), setting => Assert.Contains(setting, $"{spec}", StringComparison.Ordinal));
    }

    [Fact]
    public void Settings_change_a_kind()
    {
        AttackSpec spec = AttackSpec.Parse("subsets:src=8..24,dst=32,values=7,fields=tp_dst+in_port,share=0.25,wrongin=prefix");
        Assert.Equal((new PrefixLengths(8, 24), new PrefixLengths(32, 32)), (spec.Source, spec.Destination));
        Assert.Equal((7, 0.25, AttackedPart.Prefix), (spec.Values, spec.Share, spec.WrongIn));
        Assert.Equal("subsets:fields=in_port+tp_dst,share=0.25,src=8..24,dst=32,values=7,wrongin=prefix", $"{spec}");
    }

    [Theory]
    [InlineData("subset", "'subset' is none of tuples")]
    [InlineData("subsets:", "'' is none of fields")]
    [InlineData("subsets:value=3", "'value' is none of fields")]
    [InlineData("subsets:values", "values takes 1 to")]
    [InlineData("subsets:values=0", "values=0: values takes 1 to")]
    [InlineData("subsets:share=1.5", "share takes 0 to 1")]
    [InlineData("subsets:src=9..8", "src takes a prefix length")]
    [InlineData("subsets:src=33", "src takes a prefix length")]
    [InlineData("subsets:fields=tp_dst+tp", "fields takes none, or some of in_port")]
    [InlineData("subsets:order=1", "order takes made, narrow, wide")]
    public void A_mistake_is_named_with_what_is_allowed(string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<OptionException>(() => AttackSpec.Parse(text)).Message, StringComparison.Ordinal);
}
